// Operations on each number by itself: activations, dropout, sums of two values.
#pragma once
#include <cmath>

#include "tape.h"

// The random seed of one dropout in one step. Source: M. E. O'Neill, "Developing a seed_seq Alternative", 2015, as
// numpy.random.SeedSequence has it; rng.dropout_base is the same number.
static uint32_t dropout_base(const uint32_t (&words)[4]) {
    uint32_t pool[4], key = 0x43b0d7e5;
    auto hashed = [&key](uint32_t value, uint32_t factor) {
        value ^= key;
        key *= factor;
        value *= key;
        return value ^ value >> 16;
    };
    for (int i = 0; i < 4; i++) pool[i] = hashed(words[i], 0x931e8875);
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++)
            if (from != to) {
                const uint32_t mixed = 0xca01f9dd * pool[to] - 0x4973f715 * hashed(pool[from], 0x931e8875);
                pool[to] = mixed ^ mixed >> 16;
            }
    key = 0x8b51f9dd;
    return hashed(pool[0], 0x58f38ded);
}

constexpr uint32_t DROPOUT = 5;  // the stream of its random numbers, as in rng.py

static inline uint32_t hash(uint32_t x) {  // as rng.dropout_mask
    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    return x ^ x >> 16;
}

// Zeroes units, numbered place by place, and keeps by what each was multiplied.
static void drop_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const uint32_t site = uint32_t(op.details[0]);
    const uint32_t base = dropout_base({DROPOUT, uint32_t(pass.model.seed), uint32_t(pass.step), site});
    const uint32_t threshold = uint32_t(std::nearbyint(pass.model.dropout * 4294967296.0));
    const uint32_t units = uint32_t(y.units), places = uint32_t(y.places), rows = uint32_t(pass.rows);
    const real scale = real(1 / (1 - pass.model.dropout));
    for (uint32_t unit = 0; unit < units; unit++)
        for (uint32_t place = 0; place < places; place++) {
            const real* from = pass.at(x) + unit * x.stride + place * rows;
            real *to = pass.out(y) + unit * y.stride + place * rows, *kept = pass.kept(op) + unit * y.stride + place * rows;
            const uint32_t first = base + place * units + unit, apart = places * units;
            for (uint32_t row = 0; row < rows; row++) {
                kept[row] = hash(first + row * apart) >= threshold ? scale : 0;
                to[row] = from[row] * kept[row];
            }
        }
}

enum Activation { RELU, GELU, TANH, SIGMOID, QUADRATIC };

// One vector of an activation; where its derivative cannot be read off the result, it is kept.
template <Activation KIND>
static inline void activate(const real* from, real* to, real* grad) {
    const Vec x = load(from);
    Vec derivative{};
    if constexpr (KIND == RELU) {
        store(to, x < 0 ? Vec{} : x);
    } else if constexpr (KIND == TANH) {
        const Vec y = hyperbolic_tangent(x);
        store(to, y);
        derivative = 1 - y * y;
    } else if constexpr (KIND == SIGMOID) {
        const Vec y = logistic(x);
        store(to, y);
        derivative = y * (1 - y);
    } else if constexpr (KIND == QUADRATIC) {
        store(to, x * x);
        derivative = x + x;
    } else {
        const Normal n = normal(x);
        store(to, x * n.share);
        derivative = n.share + x * n.density;
    }
    if (KIND != RELU && grad) store(grad, derivative);
}

template <Activation KIND>
static void activate_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const real* from = pass.at(x);
    real *to = pass.out(y), *kept = pass.kept(op);
    for (int64_t unit = 0; unit < y.units; unit++, from += x.stride, to += y.stride, kept += kept ? y.stride : 0)
        for (int64_t column = 0; column < pass.columns(y); column += LANES)
            activate<KIND>(from + column, to + column, kept ? kept + column : nullptr);
}

// The grad of what came in: that of the result, where that is positive.
static void relu_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    for (int64_t unit = 0; unit < y.units; unit++) {
        const real *result = pass.at(y) + unit * y.stride, *from = pass.grad(y) + unit * y.stride;
        real* to = pass.grad(x) + unit * x.stride;
        for (int64_t column = 0; column < pass.columns(y); column += LANES) {
            const Vec grad = load(from + column);
            put(to + column, load(result + column) > 0 ? grad : Vec{}, op.input_adds != 0);
        }
    }
}

// The grad of what came in: that of the result times the derivative kept.
static void kept_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    for (int64_t unit = 0; unit < y.units; unit++) {
        const real *kept = pass.kept(op) + unit * y.stride, *from = pass.grad(y) + unit * y.stride;
        real* to = pass.grad(x) + unit * x.stride;
        for (int64_t column = 0; column < pass.columns(y); column += LANES)
            put(to + column, load(from + column) * load(kept + column), op.input_adds != 0);
    }
}

static void add_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &other = pass.value(op.other), &y = pass.value(op.output);
    for (int64_t unit = 0; unit < y.units; unit++) {
        const real *a = pass.at(x) + unit * x.stride, *b = pass.at(other) + unit * other.stride;
        real* to = pass.out(y) + unit * y.stride;
        for (int64_t column = 0; column < pass.columns(y); column += LANES)
            store(to + column, load(a + column) + load(b + column));
    }
}

// Hands the grad of a sum to one of its parts, unless it lies there already.
static void hand_back(const Pass& pass, const Value& sum, const Value& part, bool adds) {
    const real* from = pass.grad(sum);
    real* to = pass.grad(part);
    if (!to || to == from) return;
    for (int64_t unit = 0; unit < sum.units; unit++, from += sum.stride, to += part.stride)
        for (int64_t column = 0; column < pass.columns(sum); column += LANES)
            put(to + column, load(from + column), adds);
}

static void add_backward(const Operation& op, const Pass& pass) {
    hand_back(pass, pass.value(op.output), pass.value(op.input), op.input_adds != 0);
    hand_back(pass, pass.value(op.output), pass.value(op.other), op.other_adds != 0);
}
