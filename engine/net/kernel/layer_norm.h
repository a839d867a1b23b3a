// Layer norm of one batch, forward and backward: units lie in rows, so every lane is normalised by itself.
// Source: arXiv:1607.06450.
#pragma once
#include <algorithm>
#include <cmath>

#include "norms.h"
#include "optimizer.h"
#include "tape.h"

constexpr int AT_ONCE = 2;  // vectors of places that are normalised together: their units stay in the first cache

struct Norm {
    int64_t units, columns, stride;  // columns: places × rows, filled up to whole vectors
    const real* x;
    const real *scale, *shift;
    real* found;  // the mean and 1 / the standard deviation of every column, (2, stride), for the way back; or null
};

static inline Vec root(Vec x) {
    for (int l = 0; l < LANES; l++) x[l] = std::sqrt(x[l]);
    return x;
}

template <int N>
static void normalize_at(const Norm& n, int64_t column, real* out) {
    const real* x = n.x + column;
    Vec mean[N]{}, variance[N]{};
    for (int64_t unit = 0; unit < n.units; unit++)
        for (int i = 0; i < N; i++) mean[i] += load(x + unit * n.stride + i * LANES);
    for (int i = 0; i < N; i++) mean[i] *= 1 / real(n.units);
    for (int64_t unit = 0; unit < n.units; unit++)
        for (int i = 0; i < N; i++) {
            const Vec centred = load(x + unit * n.stride + i * LANES) - mean[i];
            variance[i] += centred * centred;
        }
    for (int i = 0; i < N; i++) {
        variance[i] = 1 / root(variance[i] * (1 / real(n.units)) + real(NORM_EPS));
        if (!n.found) continue;
        store(n.found + column + i * LANES, mean[i]);
        store(n.found + n.stride + column + i * LANES, variance[i]);
    }
    for (int64_t unit = 0; unit < n.units; unit++)
        for (int i = 0; i < N; i++) {
            const Vec normal = (load(x + unit * n.stride + i * LANES) - mean[i]) * variance[i];
            store(out + unit * n.stride + column + i * LANES, normal * n.scale[unit] + n.shift[unit]);
        }
}

// Writes x with mean 0 and variance 1 over its units, scaled and shifted.
static void normalize(const Norm& n, real* out) {
    int64_t column = 0;
    for (; column + AT_ONCE * LANES <= n.columns; column += AT_ONCE * LANES) normalize_at<AT_ONCE>(n, column, out);
    for (; column < n.columns; column += LANES) normalize_at<1>(n, column, out);
}

// One part of the sums over all columns that are the gradients of shift and scale: (2, units), each a vector.
template <int N>
static void normalize_back_at(const Norm& n, int64_t column, const real* grad, real* of_x, bool adds, real* sums) {
    Vec mean[N], spread[N], plain[N]{}, along[N]{};
    for (int i = 0; i < N; i++) {
        mean[i] = load(n.found + column + i * LANES);
        spread[i] = load(n.found + n.stride + column + i * LANES);
    }
    for (int64_t unit = 0; unit < n.units; unit++) {
        real *of_shift = sums + unit * LANES, *of_scale = of_shift + n.units * LANES;
        Vec shift = load(of_shift), scale = load(of_scale);
        for (int i = 0; i < N; i++) {
            const int64_t at = unit * n.stride + column + i * LANES;
            const Vec g = load(grad + at), along_one = g * ((load(n.x + at) - mean[i]) * spread[i]);
            shift += g;
            scale += along_one;
            plain[i] += g * n.scale[unit];
            along[i] += along_one * n.scale[unit];
        }
        store(of_shift, shift);
        store(of_scale, scale);
    }
    if (!of_x) return;  // the examples ask for no grad
    for (int i = 0; i < N; i++) {
        plain[i] *= 1 / real(n.units);
        along[i] *= 1 / real(n.units);
    }
    for (int64_t unit = 0; unit < n.units; unit++)
        for (int i = 0; i < N; i++) {
            const int64_t at = unit * n.stride + column + i * LANES;
            const Vec normal = (load(n.x + at) - mean[i]) * spread[i];
            const Vec scaled = held(load(grad + at) * n.scale[unit]);  // not fused: a single unit's grad is 0 exactly
            const Vec one = (scaled - plain[i] - normal * along[i]) * spread[i];
            put(of_x + at, one, adds);
        }
}

// Writes the grad of x, or adds it, and the gradients of shift and scale into `sums` (2, units, LANES), lane by
// lane: the sum over lanes is left to the caller.
static void normalize_back(const Norm& n, const real* grad, real* of_x, bool adds, real* sums) {
    std::fill_n(sums, NORM_PARTS * n.units * LANES, real(0));
    int64_t column = 0;
    for (; column + AT_ONCE * LANES <= n.columns; column += AT_ONCE * LANES)
        normalize_back_at<AT_ONCE>(n, column, grad, of_x, adds, sums);
    for (; column < n.columns; column += LANES) normalize_back_at<1>(n, column, grad, of_x, adds, sums);
}

// ---- what a tape asks: parameters are scale and shift ----

static Norm norm_of(const Operation& op, const Pass& pass) {
    const Value& x = pass.value(op.input);
    return {x.units, pass.columns(x), x.stride, pass.at(x), pass.parameter(op, 0), pass.parameter(op, 1), pass.kept(op)};
}

static void layer_norm_forward(const Operation& op, const Pass& pass) {
    normalize(norm_of(op, pass), pass.out(pass.value(op.output)));
}

static void layer_norm_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    real* sums = pass.bucket.scratch;
    normalize_back(norm_of(op, pass), pass.grad(y), pass.grad(x), op.input_adds != 0, sums);
    for (const Parameter& of : {op.parameters[1], op.parameters[0]}) {  // shift and scale
        sum_rows(x.units, LANES, sums, LANES, pass.bucket.whole + of.at);
        learned(pass, of.at, filled(x.units));
        sums += x.units * LANES;
    }
}
