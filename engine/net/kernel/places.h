// Operations between places, and from tokens to places: mean, last, all end to end, one-hot rows, rows of a table.
#pragma once
#include <algorithm>

#include "optimizer.h"
#include "tape.h"

static void mean_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const real share = real(1) / real(x.places);
    for (int64_t unit = 0; unit < y.units; unit++)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            const real* from = pass.at(x) + unit * x.stride + row;
            Vec sum = load(from);
            for (int64_t place = 1; place < x.places; place++) sum += load(from + place * pass.rows);
            store(pass.out(y) + unit * y.stride + row, sum * share);
        }
}

static void mean_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const real share = real(1) / real(x.places);
    for (int64_t unit = 0; unit < y.units; unit++)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            const Vec grad = load(pass.grad(y) + unit * y.stride + row) * share;
            real* to = pass.grad(x) + unit * x.stride + row;
            for (int64_t place = 0; place < x.places; place++) put(to + place * pass.rows, grad, op.input_adds != 0);
        }
}

static void last_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const real* from = pass.at(x) + (x.places - 1) * pass.rows;
    for (int64_t unit = 0; unit < y.units; unit++)
        std::copy_n(from + unit * x.stride, pass.rows, pass.out(y) + unit * y.stride);
}

static void last_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    for (int64_t unit = 0; unit < y.units; unit++) {
        real* to = pass.grad(x) + unit * x.stride;
        if (!op.input_adds) std::fill_n(to, (x.places - 1) * pass.rows, real(0));
        to += (x.places - 1) * pass.rows;
        for (int64_t row = 0; row < pass.rows; row += LANES)
            put(to + row, load(pass.grad(y) + unit * y.stride + row), op.input_adds != 0);
    }
}

// All places of every unit as units of one place.
static void ravel_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    for (int64_t unit = 0; unit < y.units; unit++)
        std::copy_n(pass.at(x) + unit / x.places * x.stride + unit % x.places * pass.rows, pass.rows,
                    pass.out(y) + unit * y.stride);
}

static void ravel_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    for (int64_t unit = 0; unit < y.units; unit++) {
        real* to = pass.grad(x) + unit / x.places * x.stride + unit % x.places * pass.rows;
        for (int64_t row = 0; row < pass.rows; row += LANES)
            put(to + row, load(pass.grad(y) + unit * y.stride + row), op.input_adds != 0);
    }
}

// Tokens (inputs, rows) as 0 and 1: for each of them in turn, a row per token that there is.
static void one_hot_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const int64_t tokens = op.details[0];
    for (int64_t unit = 0; unit < y.units; unit++)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            const Vec token = load(pass.at(x) + unit / tokens * x.stride + row);
            store(pass.out(y) + unit * y.stride + row, token == real(unit % tokens) ? all(1) : Vec{});
        }
}

// Tokens (inputs, rows) as rows of a table, one place each: LANES rows of LANES numbers are turned at a time.
template <typename Each>
static inline void over_tokens(const Operation& op, const Pass& pass, Each each) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    for (int64_t place = 0; place < y.places; place++)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            int64_t rows[LANES];  // of the table, where they begin
            const real* tokens = pass.at(x) + place * x.stride + row;
            for (int l = 0; l < LANES; l++) rows[l] = int64_t(tokens[l]) * op.parameters[0].stride;
            for (int64_t unit = 0; unit < y.units; unit += LANES)
                each(rows, unit, std::min<int64_t>(y.units - unit, LANES), unit * y.stride + place * pass.rows + row);
        }
}

static void embedding_forward(const Operation& op, const Pass& pass) {
    const Value& y = pass.value(op.output);
    const real* table = pass.parameter(op, 0);
    real* out = pass.out(y);
    over_tokens(op, pass, [&](const int64_t* rows, int64_t unit, int64_t units, int64_t at) {
        Vec v[LANES];
        for (int l = 0; l < LANES; l++) v[l] = load(table + rows[l] + unit);
        turn(v);
        for (int64_t l = 0; l < units; l++) store(out + at + l * y.stride, v[l]);
    });
}

static void embedding_backward(const Operation& op, const Pass& pass) {
    const Value& y = pass.value(op.output);
    const auto [first, apart] = op.parameters[0];
    const int64_t count = op.details[0] * apart;
    const real* grad = pass.grad(y);
    real* gradient = pass.bucket.whole + first;
    std::fill_n(gradient, count, real(0));
    over_tokens(op, pass, [&](const int64_t* rows, int64_t unit, int64_t units, int64_t at) {
        Vec v[LANES];
        for (int64_t l = 0; l < LANES; l++) v[l] = l < units ? load(grad + at + l * y.stride) : Vec{};
        turn(v);
        for (int l = 0; l < LANES; l++) {
            real* to = gradient + rows[l] + unit;
            store(to, load(to) + v[l]);
        }
    });
    learned(pass, first, count);
}
