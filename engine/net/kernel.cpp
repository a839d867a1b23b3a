// Trains small models, one after the other, on one core: follows a tape of operations forward and backward.
//
// Values lie as (units, rows), the rows of a batch last, so that even a layer of two units fills whole vectors;
// the gradient of a weight matrix needs its input as (rows, units) and transposes it first. Every matrix product
// then has one form. A model's arithmetic depends on its shape and settings alone, never on its neighbours or on how
// many steps a call takes. -DREAL is float or double.
//
// A family of operations is a header: what each does forward, and what backward with the gradient of its result.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "elementwise.h"
#include "linear.h"
#include "losses.h"
#include "optimizer.h"
#include "order.h"
#include "tape.h"

// Follows the tape and returns the outputs (outputs, stride).
static real* forward(const Pass& pass) {
    const real* x = pass.input;
    real* out = nullptr;
    const Operation* end = pass.tape.operations + pass.tape.count;
    for (const Operation* op = pass.tape.operations; op < end; op++) {
        out = pass.values + op->value * pass.stride;
        if (op->kind == LINEAR) {
            const bool relu = op + 1 < end && op[1].kind == RELU;
            linear_forward(*op, pass, x, relu);
            op += relu;
        } else {
            elementwise_forward(*op, pass);
        }
        x = out;
    }
    return out;
}

// Follows the tape backwards from the gradient of the outputs, in the first of `slopes`, and updates all parameters.
static void backward(const Pass& pass, const Rates& rates) {
    const Bucket& bucket = pass.bucket;
    real *gradient = bucket.slopes, *other = gradient + bucket.widest * pass.stride;
    const Operation* first = pass.tape.operations;
    for (const Operation* op = first + pass.tape.count - 1; op >= first; op--) {
        if (op->kind != LINEAR) {
            elementwise_backward(*op, pass, gradient);
        } else if (op == first) {
            linear_learn(*op, pass, rates, gradient, bucket.input, stride_of(bucket.inputs));
        } else {
            const real* input = pass.values + op[-1].value * pass.stride;
            const bool relu = op[-1].kind == RELU;
            linear_backward(*op, pass, gradient, other, relu ? input : nullptr);
            const int64_t stride = stride_of(op->fan_in);
            transpose(filled(op->fan_in), pass.rows, input, pass.stride, bucket.transposed, stride);
            linear_learn(*op, pass, rates, gradient, bucket.transposed, stride);
            std::swap(gradient, other);
            op -= relu;
        }
    }
    if (as_a_whole(bucket, pass.model)) update_all(pass.model, rates, bucket.numbers, bucket.whole);
}

// Copies the examples of a batch, as rows and as columns, and their labels; rows that fill up repeat the first.
static void gather(const Bucket& bucket, const Model& model, const int64_t* rows, int64_t stride) {
    const int64_t width = filled(bucket.inputs), apart = stride_of(bucket.inputs);
    for (int64_t first = 0; first < filled(bucket.batch); first += LANES) {  // near enough to be turned at once
        for (int64_t row = first; row < first + LANES; row++) {
            const int64_t chosen = rows[row < bucket.batch ? row : 0];
            const real* from = model.x + chosen * width;
            for (int64_t i = 0; i < width; i += LANES) store(bucket.input + row * apart + i, load(from + i));
            for (int64_t o = 0; o < bucket.labels; o++)
                bucket.answers[o * stride + row] = model.y[chosen * bucket.labels + o];
        }
        transpose(LANES, width, bucket.input + first * apart, apart, bucket.turned + first, stride);
    }
}

// ---- what Python calls ----

// Takes `steps` steps of every model, the first of them step `first`; rows are (models, steps, batch), those of models
// and of steps so far apart, and the learning rates (models, steps).
extern "C" void train(const Bucket* bucket, const Model* models, const int64_t* rows, int64_t models_apart,
                      int64_t steps_apart, const double* lr, int64_t steps, int64_t first) {
    const int64_t batch = filled(bucket->batch), stride = stride_of(bucket->batch);
    std::vector<Corrections> corrections(steps);
    for (int64_t m = 0; m < bucket->models; m++) {
        const Model& model = models[m];
        if (m == 0 || model.beta1 != models[m - 1].beta1 || model.beta2 != models[m - 1].beta2)
            for (int64_t step = 0; step < steps; step++)
                corrections[step] = {1 - std::pow(model.beta1, double(first + step)),
                                     1 - std::pow(model.beta2, double(first + step))};
        for (int64_t step = 0; step < steps; step++, lr++) {
            gather(*bucket, model, rows + m * models_apart + step * steps_apart, stride);
            const Pass pass{*bucket, model, model.training, bucket->values, bucket->turned, stride, batch, first + step};
            loss_slope(pass, forward(pass), bucket->slopes);
            Sum squares;
            const bool asked = step == steps - 1;
            backward(pass, rates_of(model, *lr, corrections[step], bucket->adamw != 0,
                                    asked || model.clip > 0 ? &squares : nullptr));
            if (asked) *model.squares = squares.total();
        }
    }
}

static real* predict(const Bucket& bucket, const Model& model, const Split& split, int64_t block) {
    const int64_t stride = stride_of(BLOCK);
    const real* input = split.blocks + block * bucket.inputs * stride;
    return forward({bucket, model, model.evaluation, bucket.evaluated, input, stride, BLOCK, 0});
}

// Writes the outputs (models, outputs, count) of one split per model.
extern "C" void logits(const Bucket* bucket, const Model* models, const Split* splits, real* out) {
    for (int64_t m = 0; m < bucket->models; m++) {
        const Split& split = splits[m];
        for (int64_t start = 0; start < split.count; start += BLOCK) {
            const real* z = predict(*bucket, models[m], split, start / BLOCK);
            const int64_t rows = std::min(BLOCK, split.count - start);
            for (int64_t c = 0; c < bucket->outputs; c++)
                std::copy_n(z + c * stride_of(BLOCK), rows, out + (m * bucket->outputs + c) * split.count + start);
        }
    }
}

// Writes the mean loss, the mean error, the error on moved labels, summed, and the mean Brier score (models, 4) of one
// split per model; `counts` (models, 2, outputs), from 0: answers that are right and all, or null with no Brier score.
extern "C" void measure(const Bucket* bucket, const Model* models, const Split* splits, double* out, int64_t* counts) {
    for (int64_t m = 0; m < bucket->models; m++, out += 4) {
        const Split& split = splits[m];
        Judgement sums{};
        if (counts) {
            sums.hits = counts + 2 * m * bucket->outputs;
            sums.answers = sums.hits + bucket->outputs;
        }
        for (int64_t start = 0; start < split.count; start += BLOCK) {
            const real* z = predict(*bucket, models[m], split, start / BLOCK);
            const real* y = split.y + start * bucket->labels;
            const real* moved = split.moved ? split.moved + start : nullptr;
            judge({z, y, moved, std::min(BLOCK, split.count - start)}, *bucket, stride_of(BLOCK), sums);
        }
        const double count = double(split.count);
        out[0] = (sums.loss.total() + sums.logarithms) / count;
        out[1] = sums.wrong.total() / count;
        out[2] = sums.flipped.total();
        out[3] = sums.brier.total() / count;
    }
}
