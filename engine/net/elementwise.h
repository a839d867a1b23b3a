// Operations on each number by itself, in place: activations and dropout.
#pragma once
#include <cmath>

#include "tape.h"

// The random seed of one dropout in one step. Source: M. E. O'Neill, "Developing a seed_seq Alternative", 2015, as
// numpy.random.SeedSequence has it; randomness.dropout_base is the same number.
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

static inline uint32_t hash(uint32_t x) {  // as randomness.kept_units
    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    return x ^ x >> 16;
}

// Zeroes units and keeps by what each was multiplied.
static void drop(const Operation& op, const Pass& pass, real* value, real* slope) {
    const double dropout = pass.model.dropout;
    const uint32_t base = dropout_base({5, uint32_t(pass.model.seed), uint32_t(pass.step), uint32_t(op.site)});
    const uint32_t threshold = uint32_t(std::nearbyint(dropout * 4294967296.0)), units = uint32_t(op.units);
    const real scale = real(1 / (1 - dropout));
    for (uint32_t unit = 0; unit < units; unit++, value += pass.stride, slope += pass.stride)
        for (uint32_t row = 0; row < uint32_t(pass.rows); row++) {
            slope[row] = hash(base + row * units + unit) >= threshold ? scale : 0;
            value[row] *= slope[row];
        }
}

// One vector of an activation; where its derivative cannot be read off the result, it is kept.
template <Kind KIND>
static inline void activate(real* value, real* slope) {
    const Vec x = load(value);
    if constexpr (KIND == RELU) {
        store(value, x < 0 ? Vec{} : x);
    } else if constexpr (KIND == TANH) {
        const Vec y = hyperbolic_tangent(x);
        store(value, y);
        store(slope, 1 - y * y);
    } else if constexpr (KIND == SIGMOID) {
        const Vec y = logistic(x);
        store(value, y);
        store(slope, y * (1 - y));
    } else if constexpr (KIND == QUADRATIC) {
        store(value, x * x);
        store(slope, x + x);
    } else {
        const Normal n = normal(x);
        store(value, x * n.share);
        store(slope, n.share + x * n.density);
    }
}

template <Kind KIND>
static void activate_all(const Operation& op, const Pass& pass, real* value, real* slope) {
    for (int64_t unit = 0; unit < op.units; unit++, value += pass.stride, slope += pass.stride)
        for (int64_t row = 0; row < pass.rows; row += LANES) activate<KIND>(value + row, slope + row);
}

static void elementwise_forward(const Operation& op, const Pass& pass) {
    real *value = pass.values + op.value * pass.stride, *slope = pass.values + op.slope * pass.stride;
    switch (op.kind) {
        case RELU: return activate_all<RELU>(op, pass, value, slope);
        case GELU: return activate_all<GELU>(op, pass, value, slope);
        case TANH: return activate_all<TANH>(op, pass, value, slope);
        case SIGMOID: return activate_all<SIGMOID>(op, pass, value, slope);
        case QUADRATIC: return activate_all<QUADRATIC>(op, pass, value, slope);
        default: return drop(op, pass, value, slope);
    }
}

// Turns the gradient of the results, in place, into that of what they came from.
static void elementwise_backward(const Operation& op, const Pass& pass, real* gradient) {
    const real* from = pass.values + (op.kind == RELU ? op.value : op.slope) * pass.stride;
    for (int64_t unit = 0; unit < op.units; unit++, gradient += pass.stride, from += pass.stride)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            const Vec g = load(gradient + row), s = load(from + row);
            store(gradient + row, op.kind == RELU ? (s > 0 ? g : Vec{}) : g * s);
        }
}
