// The linear layer W x + b: its products forward and backward, and the update of its weights.
#pragma once
#include <algorithm>

#include "optimizer.h"
#include "product.h"
#include "tape.h"

// `relu`: with the activation that comes next, which then costs nothing.
static void linear_forward(const Operation& op, const Pass& pass, const real* x, bool relu) {
    const real* numbers = pass.model.numbers;
    multiply({op.units, pass.rows / LANES, op.fan_in, {numbers + op.weight, op.weight_stride, 1}, x, pass.stride,
              pass.values + op.value * pass.stride, pass.stride, numbers + op.bias, relu});
}

// Writes the gradient of the layer's input, (fan_in, stride), from that of its result; of what came into the ReLU
// before it, where its results are `relu`.
static void linear_backward(const Operation& op, const Pass& pass, const real* gradient, real* out, const real* relu) {
    const real* weight = pass.model.numbers + op.weight;
    multiply({op.fan_in, pass.rows / LANES, op.units, {weight, 1, op.weight_stride}, gradient, pass.stride, out,
              pass.stride, nullptr, false, relu});
}

// Whether a model's gradient is made as a whole before it is used: where it must be known, or all of it stays near.
static bool as_a_whole(const Bucket& bucket, const Model& model) {
    return model.clip > 0 || bucket.numbers <= GRADIENT;
}

// Makes the gradient of weights and biases from that of the result and the input as (batch, input_stride), and uses
// it up a few rows at a time, in the first cache, unless all wait for the whole.
static void linear_learn(const Operation& op, const Pass& pass, const Rates& rates, const real* gradient,
                         const real* input, int64_t input_stride) {
    const Bucket& bucket = pass.bucket;
    const int64_t width = filled(op.fan_in);
    auto multiply_rows = [&](int64_t unit, int64_t units, real* out, int64_t stride) {
        multiply({units, width / LANES, bucket.batch, {gradient + unit * pass.stride, pass.stride, 1}, input,
                  input_stride, out, stride, nullptr});
    };
    if (as_a_whole(bucket, pass.model)) {
        multiply_rows(0, op.units, bucket.whole + op.weight, op.weight_stride);
        sum_rows(op.units, pass.rows, gradient, pass.stride, bucket.whole + op.bias);
        return;
    }
    const int64_t most = std::max<int64_t>(GRADIENT / width / MOST_ROWS, 1) * MOST_ROWS;
    for (int64_t unit = 0; unit < op.units; unit += most) {
        const int64_t units = std::min(most, op.units - unit), place = op.weight + unit * op.weight_stride;
        multiply_rows(unit, units, bucket.gradient, width);
        if (width == op.weight_stride)
            update(pass.model, rates, place, units * width, bucket.gradient);
        else
            for (int64_t i = 0; i < units; i++)
                update(pass.model, rates, place + i * op.weight_stride, width, bucket.gradient + i * width);
    }
    sum_rows(op.units, pass.rows, gradient, pass.stride, bucket.gradient);
    update(pass.model, rates, op.bias, filled(op.units), bucket.gradient);
}
