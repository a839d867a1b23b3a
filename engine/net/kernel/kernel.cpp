// Trains small models, one after the other, on one core: follows a tape of operations forward and backward.
//
// Values lie as (units, places, rows), the rows of a batch last, so that even a layer of two units fills whole vectors;
// places are a grid or steps, often one alone. A model's arithmetic depends on its shape and settings alone, never on
// its neighbours or on how many steps a call takes. -DREAL is float or double.
//
// A family of operations is a header: what each does forward, from values to a value, and what backward, from the
// grad of its result (of the loss by it) to those of its inputs, updating its parameters. Rows that fill up a batch
// have grads of 0.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "abi.h"
#include "attention.h"
#include "convolution.h"
#include "elementwise.h"
#include "layer_norm.h"
#include "linear.h"
#include "losses.h"
#include "norms.h"
#include "optimizer.h"
#include "order.h"
#include "places.h"
#include "recurrent.h"
#include "tape.h"

struct Family {
    const char* kind;
    void (*forward)(const Operation&, const Pass&);
    void (*backward)(const Operation&, const Pass&);  // null where nothing before it learns
};

// By the numbers of KINDS in program.py.
constexpr Family FAMILIES[] = {
    {"linear", linear_forward, linear_backward},
    {"relu", activate_forward<RELU>, relu_backward},
    {"gelu", activate_forward<GELU>, kept_backward},
    {"tanh", activate_forward<TANH>, kept_backward},
    {"sigmoid", activate_forward<SIGMOID>, kept_backward},
    {"quadratic", activate_forward<QUADRATIC>, kept_backward},
    {"dropout", drop_forward, kept_backward},
    {"add", add_forward, add_backward},
    {"mean", mean_forward, mean_backward},
    {"last", last_forward, last_backward},
    {"one_hot", one_hot_forward, nullptr},
    {"embedding", embedding_forward, embedding_backward},
    {"convolution", convolution_forward, convolution_backward},
    {"depthwise", depthwise_forward, depthwise_backward},
    {"max_pool", pool_forward, pool_backward},
    {"batch_norm", batch_norm_forward, batch_norm_backward},
    {"ravel", ravel_forward, ravel_backward},
    {"gru", gru_forward, gru_backward},
    {"lstm", lstm_forward, lstm_backward},
    {"positions", positions_forward, positions_backward},
    {"attention", attention_forward, attention_backward},
    {"layer_norm", layer_norm_forward, layer_norm_backward},
};

static const Value& outputs_of(const Tape& tape) { return tape.values[tape.operations[tape.count - 1].output]; }

// Follows the tape and returns the outputs (outputs, stride).
static const real* forward(const Pass& pass) {
    const Tape& tape = pass.tape;
    for (int64_t i = 0; i < tape.count; i++) {
        const Operation& op = tape.operations[i];
        if (!(op.skipped & SKIPS_FORWARD)) FAMILIES[op.kind].forward(op, pass);
    }
    return pass.at(outputs_of(tape));
}

// Follows the tape backwards from the grad of the outputs and updates all parameters.
static void backward(const Pass& pass) {
    const Tape& tape = pass.tape;
    for (int64_t i = tape.count - 1; i >= 0; i--) {
        const Operation& op = tape.operations[i];
        const auto step = FAMILIES[op.kind].backward;
        if (step && !(op.skipped & SKIPS_BACKWARD)) step(op, pass);
    }
    if (as_a_whole(pass)) update_all(pass.model, *pass.rates, pass.bucket.numbers, pass.bucket.whole);
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
        transpose(LANES, width, bucket.input + first * apart, apart, bucket.turned + first,
                  model.training.input_stride, LANES);
    }
}

// ---- what Python calls ----

// Takes `steps` steps of every model, the first of them step `first`; rows are (models, steps, batch), those of models
// and of steps so far apart, and the learning rates (models, steps).
extern "C" void train(const Bucket* bucket, const Model* models, const int64_t* rows, int64_t models_apart,
                      int64_t steps_apart, const double* lr, int64_t steps, int64_t first) {
    const int64_t batch = filled(bucket->batch), stride = stride_of(batch);
    std::vector<Corrections> corrections(steps);
    for (int64_t m = 0; m < bucket->models; m++) {
        const Model& model = models[m];
        if (m == 0 || model.beta1 != models[m - 1].beta1 || model.beta2 != models[m - 1].beta2)
            for (int64_t step = 0; step < steps; step++)
                corrections[step] = {1 - std::pow(model.beta1, double(first + step)),
                                     1 - std::pow(model.beta2, double(first + step))};
        for (int64_t step = 0; step < steps; step++, lr++) {
            gather(*bucket, model, rows + m * models_apart + step * steps_apart, stride);
            Sum squares;
            const bool asked = step == steps - 1;
            const Rates rates = rates_of(model, *lr, corrections[step], bucket->adamw != 0,
                                         asked || model.clip > 0 ? &squares : nullptr);
            const Pass pass{*bucket, model, model.training, bucket->turned, stride, batch, first + step, &rates};
            loss_grad(pass, forward(pass), pass.grad(outputs_of(model.training)));
            backward(pass);
            if (asked) *model.squares = squares.total();
        }
    }
}

static const real* predict(const Bucket& bucket, const Model& model, const Split& split, int64_t block) {
    const real* input = split.blocks + block * bucket.inputs * BLOCK;
    return forward({bucket, model, model.evaluation, input, BLOCK, BLOCK, 0, nullptr});
}

// Writes the outputs (models, outputs, count) of one split per model.
extern "C" void logits(const Bucket* bucket, const Model* models, const Split* splits, real* out) {
    for (int64_t m = 0; m < bucket->models; m++) {
        const Split& split = splits[m];
        for (int64_t start = 0; start < split.count; start += BLOCK) {
            const real* z = predict(*bucket, models[m], split, start / BLOCK);
            const int64_t rows = std::min(BLOCK, split.count - start);
            for (int64_t c = 0; c < bucket->outputs; c++)
                std::copy_n(z + c * BLOCK, rows, out + (m * bucket->outputs + c) * split.count + start);
        }
    }
}

// Writes the mean loss, the mean error, the error on moved labels, summed, and the mean Brier score (models, 4) of one
// split per model; `counts` (models, 2, outputs), from 0: answers that are right and all, or null with no Brier score.
extern "C" void measure(const Bucket* bucket, const Model* models, const Split* splits, double* out, int64_t* counts) {
    for (int64_t m = 0; m < bucket->models; m++, out += MEASURED) {
        const Split& split = splits[m];
        Judgement sums{};
        if (counts) {
            sums.hits = counts + COUNTED * m * bucket->outputs;
            sums.answers = sums.hits + bucket->outputs;
        }
        for (int64_t start = 0; start < split.count; start += BLOCK) {
            const real* z = predict(*bucket, models[m], split, start / BLOCK);
            const real* y = split.y + start * bucket->labels;
            const real* moved = split.moved ? split.moved + start : nullptr;
            judge({z, y, moved, std::min(BLOCK, split.count - start)}, *bucket, BLOCK, sums);
        }
        const double count = double(split.count);
        out[0] = (sums.loss.total() + sums.logarithms) / count;
        out[1] = sums.wrong.total() / count;
        out[2] = sums.flipped.total();
        out[3] = sums.brier.total() / count;
    }
}

// Returns what Python takes for granted of all this; see abi.h.
extern "C" const char* abi() {
    static const std::string text = [] {
        Lines lines;
        note_numbers(lines);
        int64_t number = 0;
        for (const Family& family : FAMILIES) lines.number(std::string("kind ") + family.kind, double(number++));
        note_tape(lines);
        note_models(lines);
        lines.call("train()", train);
        lines.call("logits()", logits);
        lines.call("measure()", measure);
        lines.call("draw()", draw);
        return lines.text;
    }();
    return text.c_str();
}
