// Layers of recurrent units over sequences (units, steps, rows): forward step by step, and back through time.
//
// Products with the inputs of all steps are one matrix product. What a step works on lies close together besides, in
// `near`, a few units over `rows` each. Backward, the grads of all gates are kept, so that the gradient of the weights
// is one product too. Sources: torch.nn.GRU, torch.nn.LSTM.
#pragma once
#include <algorithm>

#include "optimizer.h"
#include "product.h"
#include "tape.h"

constexpr int64_t GRU_GATES = 3, LSTM_GATES = 4;
constexpr int64_t GRU_PARTS = GRU_GATES + 1, LSTM_PARTS = LSTM_GATES + 2;  // × units × columns: what is kept
constexpr int64_t NEAR_PARTS = 6;  // × units × rows, in the scratch

struct Recurrent {
    int64_t units, steps, rows, stride, inputs, input_stride;
    const real* x;                        // (inputs, input_stride)
    Factor of_input, of_state;            // weights (gates × units, inputs), (gates × units, units)
    const real *input_bias, *state_bias;  // (gates × units)
    real* kept;                           // (parts × units, stride): of every step; backward, grads take its place
    real* states;                         // (units, stride)
    real* near;
};

static Recurrent recurrent_of(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    real *near = pass.bucket.scratch, *kept = pass.kept(op);
    if (!kept) kept = near + NEAR_PARTS * y.units * pass.rows;
    return {y.units, y.places, pass.rows, y.stride, x.units, x.stride, pass.at(x),
            {pass.parameter(op, 0), op.parameters[0].stride, 1}, {pass.parameter(op, 1), op.parameters[1].stride, 1},
            pass.parameter(op, 2), pass.parameter(op, 3), kept, pass.out(y), near};
}

// The inputs' share in the gates of all steps.
static void inputs_share(const Recurrent& r, int64_t gates) {
    multiply({gates * r.units, r.steps * r.rows / LANES, r.inputs, r.of_input, r.x, r.input_stride, r.kept, r.stride,
              r.input_bias, false});
}

// The share of the state before `step`, which is nothing at the first, in the gates.
static void state_share(const Recurrent& r, int64_t gates, int64_t step, const real* state, real* out) {
    multiply({gates * r.units, r.rows / LANES, step ? r.units : 0, r.of_state, state, r.rows, out, r.rows, r.state_bias,
              false});
}

// Writes what the gates' grads (gates × units, rows) say of the state before them, or adds it.
static void through_state(const Recurrent& r, int64_t gates, const real* grads, real* out, bool adds) {
    multiply({r.units, r.rows / LANES, gates * r.units, {r.of_state.at, 1, r.of_state.row}, grads, r.rows, out, r.rows,
              nullptr, adds});
}

// Calls `each(far, near)` with the places of every vector of one step, in (units, stride) and in (units, rows).
template <typename Each>
static inline void over_step(const Recurrent& r, int64_t step, Each each) {
    for (int64_t unit = 0; unit < r.units; unit++)
        for (int64_t row = 0; row < r.rows; row += LANES)
            each(unit * r.stride + step * r.rows + row, unit * r.rows + row);
}

// Learns the weights and biases whose share in the gates came from `x`, (inputs, stride), of the same step, or of the
// one before where the first has none.
static void learn_share(const Pass& pass, const Recurrent& r, int64_t gates, Parameter weight, Parameter bias,
                        int64_t inputs, const real* x, int64_t x_stride, int64_t without) {
    const int64_t rows = gates * r.units, columns = (r.steps - without) * r.rows, stride = stride_of(inputs);
    real *turned = pass.bucket.scratch, *whole = pass.bucket.whole;
    transpose(filled(inputs), columns, x, x_stride, turned, stride, inputs);
    multiply({rows, filled(inputs) / LANES, columns, {r.kept + without * r.rows, r.stride, 1}, turned, stride,
              whole + weight.at, weight.stride, nullptr, false});
    learned(pass, weight.at, rows * weight.stride);
    sum_rows(rows, r.steps * r.rows, r.kept, r.stride, whole + bias.at);
    learned(pass, bias.at, filled(rows));
}

static void learn_of_input(const Operation& op, const Pass& pass, const Recurrent& r, int64_t gates) {
    const Value& x = pass.value(op.input);
    if (real* out = pass.grad(x))
        multiply({r.inputs, pass.columns(x) / LANES, gates * r.units, {r.of_input.at, 1, r.of_input.row}, r.kept,
                  r.stride, out, x.stride, nullptr, op.input_adds != 0});
    learn_share(pass, r, gates, op.parameters[0], op.parameters[2], r.inputs, r.x, r.input_stride, 0);
}

static void learn_of_state(const Operation& op, const Pass& pass, const Recurrent& r, int64_t gates) {
    learn_share(pass, r, gates, op.parameters[1], op.parameters[3], r.units, r.states, r.stride, 1);
}

// Keeps the gates reset, update and new, and the state's share of new.
static void gru_forward(const Operation& op, const Pass& pass) {
    const Recurrent r = recurrent_of(op, pass);
    const int64_t far = r.units * r.stride, close = r.units * r.rows;
    real *reset = r.kept, *update = reset + far, *fresh = update + far, *shared = fresh + far;
    real *state = r.near, *share = r.near + close;
    inputs_share(r, GRU_GATES);
    std::fill_n(state, close, real(0));
    for (int64_t step = 0; step < r.steps; step++) {
        state_share(r, GRU_GATES, step, state, share);
        over_step(r, step, [&](int64_t at, int64_t near) {
            const Vec of_state = load(share + 2 * close + near), before = load(state + near);
            const Vec let = logistic(load(reset + at) + load(share + near));
            const Vec keep = logistic(load(update + at) + load(share + close + near));
            const Vec next = hyperbolic_tangent(load(fresh + at) + let * of_state);
            const Vec now = next + keep * (before - next);
            store(reset + at, let);
            store(update + at, keep);
            store(fresh + at, next);
            store(shared + at, of_state);
            store(state + near, now);
            store(r.states + at, now);
        });
    }
}

// From the grad of the states (units, stride), those of the sums inside reset, update and new, and of the state's
// share of new: each in its place among what is kept.
static void gru_grads(const Recurrent& r, const real* grad) {
    const int64_t far = r.units * r.stride, close = r.units * r.rows;
    real *reset = r.kept, *update = reset + far, *fresh = update + far, *shared = fresh + far;
    real *carried = r.near, *gates = carried + close;
    std::fill_n(carried, close, real(0));
    for (int64_t step = r.steps - 1; step >= 0; step--) {
        over_step(r, step, [&](int64_t at, int64_t near) {
            const Vec g = load(grad + at) + load(carried + near);
            const Vec let = load(reset + at), keep = load(update + at), next = load(fresh + at);
            const Vec before = step ? load(r.states + at - r.rows) : Vec{};
            const Vec of_update = g * (before - next) * keep * (1 - keep);
            const Vec of_new = g * (1 - keep) * (1 - next * next), of_shared = of_new * let;
            const Vec of_reset = of_shared * load(shared + at) * (1 - let);
            store(carried + near, g * keep);
            store(gates + near, of_reset);
            store(gates + close + near, of_update);
            store(gates + 2 * close + near, of_shared);
            store(reset + at, of_reset);
            store(update + at, of_update);
            store(fresh + at, of_new);
            store(shared + at, of_shared);
        });
        if (step) through_state(r, GRU_GATES, gates, carried, true);
    }
}

static void gru_backward(const Operation& op, const Pass& pass) {
    const Recurrent r = recurrent_of(op, pass);
    gru_grads(r, pass.grad(pass.value(op.output)));
    learn_of_input(op, pass, r, GRU_GATES);
    const int64_t far = r.units * r.stride;
    std::copy_n(r.kept + 3 * far, far, r.kept + 2 * far);  // the state has its share in new through the reset gate
    learn_of_state(op, pass, r, GRU_GATES);
}

// Keeps the gates in, forget, new and out, the cell and its tangent.
static void lstm_forward(const Operation& op, const Pass& pass) {
    const Recurrent r = recurrent_of(op, pass);
    const int64_t far = r.units * r.stride, close = r.units * r.rows;
    real *in = r.kept, *forget = in + far, *fresh = forget + far, *out = fresh + far, *cells = out + far;
    real *tangents = cells + far, *state = r.near, *cell = state + close, *share = cell + close;
    inputs_share(r, LSTM_GATES);
    std::fill_n(state, 2 * close, real(0));
    for (int64_t step = 0; step < r.steps; step++) {
        state_share(r, LSTM_GATES, step, state, share);
        over_step(r, step, [&](int64_t at, int64_t near) {
            const Vec let_in = logistic(load(in + at) + load(share + near));
            const Vec keep = logistic(load(forget + at) + load(share + close + near));
            const Vec next = hyperbolic_tangent(load(fresh + at) + load(share + 2 * close + near));
            const Vec let_out = logistic(load(out + at) + load(share + 3 * close + near));
            const Vec now = keep * load(cell + near) + let_in * next, tangent = hyperbolic_tangent(now);
            store(in + at, let_in);
            store(forget + at, keep);
            store(fresh + at, next);
            store(out + at, let_out);
            store(cells + at, now);
            store(tangents + at, tangent);
            store(cell + near, now);
            store(state + near, let_out * tangent);
            store(r.states + at, let_out * tangent);
        });
    }
}

// From the grad of the states (units, stride), those of the sums inside in, forget, new and out, each in its place.
static void lstm_grads(const Recurrent& r, const real* grad) {
    const int64_t far = r.units * r.stride, close = r.units * r.rows;
    real *in = r.kept, *forget = in + far, *fresh = forget + far, *out = fresh + far, *cells = out + far;
    real *tangents = cells + far, *of_cell = r.near, *through = of_cell + close, *gates = through + close;
    std::fill_n(of_cell, 2 * close, real(0));
    for (int64_t step = r.steps - 1; step >= 0; step--) {
        over_step(r, step, [&](int64_t at, int64_t near) {
            const Vec g = load(grad + at) + load(through + near);
            const Vec let_in = load(in + at), keep = load(forget + at), next = load(fresh + at), let = load(out + at);
            const Vec tangent = load(tangents + at), before = step ? load(cells + at - r.rows) : Vec{};
            const Vec d = load(of_cell + near) + g * let * (1 - tangent * tangent);
            const Vec of_in = d * next * let_in * (1 - let_in), of_forget = d * before * keep * (1 - keep);
            const Vec of_new = d * let_in * (1 - next * next), of_out = g * tangent * let * (1 - let);
            store(of_cell + near, d * keep);
            store(gates + near, of_in);
            store(gates + close + near, of_forget);
            store(gates + 2 * close + near, of_new);
            store(gates + 3 * close + near, of_out);
            store(in + at, of_in);
            store(forget + at, of_forget);
            store(fresh + at, of_new);
            store(out + at, of_out);
        });
        if (step) through_state(r, LSTM_GATES, gates, through, false);
    }
}

static void lstm_backward(const Operation& op, const Pass& pass) {
    const Recurrent r = recurrent_of(op, pass);
    lstm_grads(r, pass.grad(pass.value(op.output)));
    learn_of_input(op, pass, r, LSTM_GATES);
    learn_of_state(op, pass, r, LSTM_GATES);
}
