// Norms: mean 0 and variance 1, then a scale and a shift that are learned.
#pragma once
#include <cmath>

#include "optimizer.h"
#include "tape.h"

constexpr double NORM_EPS = 1e-5, NORM_MOMENTUM = 0.1;  // as torch.nn has them
constexpr int64_t NORM_PARTS = 2;  // × units or columns: mean and 1 / deviation, which a norm keeps; sums for shift and scale

// 1 in rows that are examples, 0 in those that fill up.
static inline Vec in_rows(const Pass& pass, int64_t row) {
    Vec there = all(1);
    for (int64_t l = std::max<int64_t>(pass.bucket.batch - row, 0); l < LANES; l++) there[l] = 0;
    return there;
}

static inline real sum_of(Vec v) {
    Vec each[LANES] = {v};
    return sums_of(each)[0];
}

// Calls `each` with every vector of one unit's numbers: where it begins, and which of its rows are examples.
template <typename Each>
static inline void over_examples(const Pass& pass, int64_t places, Each each) {
    for (int64_t row = 0; row < pass.rows; row += LANES) {
        const Vec there = in_rows(pass, row);
        for (int64_t place = 0; place < places; place++) each(place * pass.rows + row, there);
    }
}

// Details: where the running means begin, those of the variances `filled(units)` later. Keeps mean and 1 / deviation.
static void batch_norm_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    real* running = pass.model.running + op.details[0];
    const real numbers = real(x.places * pass.bucket.batch);
    for (int64_t unit = 0; unit < y.units; unit++) {
        const real* from = pass.at(x) + unit * x.stride;
        real &running_mean = running[unit], &running_variance = running[filled(y.units) + unit];
        real mean = running_mean, variance = running_variance;
        if (pass.step) {
            Vec sum{}, squares{};
            over_examples(pass, x.places, [&](int64_t at, Vec there) { sum += load(from + at) * there; });
            mean = sum_of(sum) / numbers;
            over_examples(pass, x.places, [&](int64_t at, Vec there) {
                const Vec centred = (load(from + at) - mean) * there;
                squares += centred * centred;
            });
            variance = sum_of(squares) / numbers;
            running_mean += real(NORM_MOMENTUM) * (mean - running_mean);
            running_variance += real(NORM_MOMENTUM) * (variance * (numbers / (numbers - 1)) - running_variance);
        }
        const real scale = 1 / std::sqrt(variance + real(NORM_EPS));
        if (real* kept = pass.kept(op)) {
            kept[unit] = mean;
            kept[filled(y.units) + unit] = scale;
        }
        const real gain = pass.parameter(op, 0)[unit] * scale, shift = pass.parameter(op, 1)[unit] - mean * gain;
        real* out = pass.out(y) + unit * y.stride;
        for (int64_t at = 0; at < pass.columns(y); at += LANES) store(out + at, load(from + at) * gain + shift);
    }
}

static void batch_norm_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const real numbers = real(x.places * pass.bucket.batch);
    real *of_scale = pass.bucket.whole + op.parameters[0].at, *of_shift = pass.bucket.whole + op.parameters[1].at;
    for (int64_t unit = 0; unit < y.units; unit++) {
        const real *from = pass.at(x) + unit * x.stride, *grad = pass.grad(y) + unit * y.stride;
        const real mean = pass.kept(op)[unit], scale = pass.kept(op)[filled(y.units) + unit];
        Vec sum{}, along{};
        for (int64_t at = 0; at < pass.columns(y); at += LANES) {
            const Vec s = load(grad + at);
            sum += s;
            along += s * ((load(from + at) - mean) * scale);
        }
        of_shift[unit] = sum_of(sum);
        of_scale[unit] = sum_of(along);
        if (!pass.grad(x)) continue;  // of the examples
        const real shift = of_shift[unit] / numbers, tilt = of_scale[unit] / numbers;
        const real gain = pass.parameter(op, 0)[unit] * scale;
        real* out = pass.grad(x) + unit * x.stride;
        over_examples(pass, x.places, [&](int64_t at, Vec there) {
            const Vec standard = (load(from + at) - mean) * scale;
            put(out + at, (load(grad + at) - shift - standard * tilt) * (there * gain), op.input_adds != 0);
        });
    }
    for (int i = 0; i < 2; i++) learned(pass, op.parameters[i].at, filled(y.units));
}
