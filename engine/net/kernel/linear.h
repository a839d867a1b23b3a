// The linear layer W x + b at every place: its products forward and backward, and the update of its weights.
#pragma once
#include <algorithm>

#include "optimizer.h"
#include "product.h"
#include "tape.h"

static void linear_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    multiply({y.units, pass.columns(y) / LANES, x.units, {pass.parameter(op, 0), op.parameters[0].stride, 1},
              pass.at(x), x.stride, pass.out(y), y.stride, op.parameters[1].stride ? pass.parameter(op, 1) : nullptr,
              false, op.positive != 0});
}

// Makes the gradient of weights and biases of a layer with one place from the grad of its result and the input as
// (batch, input_stride), and uses it up a few rows at a time, in the first cache, unless all wait for the whole.
static void learn_near(const Operation& op, const Pass& pass, const real* input, int64_t input_stride) {
    const Bucket& bucket = pass.bucket;
    const Value& y = pass.value(op.output);
    const auto [weight, weight_stride] = op.parameters[0];
    const int64_t width = filled(pass.value(op.input).units);
    const real* grad = pass.grad(y);
    auto multiply_rows = [&](int64_t unit, int64_t units, real* out, int64_t stride) {
        multiply({units, width / LANES, bucket.batch, {grad + unit * y.stride, y.stride, 1}, input, input_stride, out,
                  stride, nullptr});
    };
    if (as_a_whole(pass)) return multiply_rows(0, y.units, bucket.whole + weight, weight_stride);
    const int64_t most = std::max<int64_t>(GRADIENT / width / MOST_ROWS, 1) * MOST_ROWS;
    for (int64_t unit = 0; unit < y.units; unit += most) {
        const int64_t units = std::min(most, y.units - unit), place = weight + unit * weight_stride;
        multiply_rows(unit, units, bucket.gradient, width);
        if (width == weight_stride)
            update(pass.model, *pass.rates, place, units * width, bucket.gradient);
        else
            for (int64_t i = 0; i < units; i++)
                update(pass.model, *pass.rates, place + i * weight_stride, width, bucket.gradient + i * width);
    }
}

static void learn_weights(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    if (y.places > 1) {
        const auto [weight, stride] = op.parameters[0];
        multiply_rows_by_rows({y.units, x.units, pass.columns(y), pass.grad(y), y.stride, pass.at(x), x.stride,
                               pass.bucket.whole + weight, stride},
                              pass.bucket.scratch);
        learned(pass, weight, y.units * stride);
    } else if (x.at < 0) {
        learn_near(op, pass, pass.bucket.input, stride_of(x.units));
    } else {
        const int64_t stride = stride_of(x.units);
        transpose(filled(x.units), pass.rows, pass.at(x), x.stride, pass.bucket.scratch, stride, x.units);
        learn_near(op, pass, pass.bucket.scratch, stride);
    }
}

// The second parameter, where there is one, is a bias at every place.
static void learn_bias(const Operation& op, const Pass& pass) {
    if (!op.parameters[1].stride) return;
    const Value& y = pass.value(op.output);
    sum_rows(y.units, pass.columns(y), pass.grad(y), y.stride, pass.bucket.whole + op.parameters[1].at);
    learned(pass, op.parameters[1].at, filled(y.units));
}

static void linear_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const real* grad = pass.grad(y);
    if (real* out = pass.grad(x))
        multiply({x.units, pass.columns(x) / LANES, y.units, {pass.parameter(op, 0), 1, op.parameters[0].stride},
                  grad, y.stride, out, x.stride, nullptr, op.input_adds != 0, false, op.gated ? pass.at(x) : nullptr});
    learn_weights(op, pass);
    learn_bias(op, pass);
}
