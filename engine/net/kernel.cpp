// Trains small models, one after the other, on one core: follows a tape of operations forward and backward.
//
// Values lie as (units, rows), the rows of a batch last, so that even a layer of two units fills whole vectors;
// the gradient of a weight matrix needs its input as (rows, units) and transposes it first. Every matrix product
// then has one form: numbers of A, each spread over a vector, times vectors of B. A model's arithmetic depends on
// its shape alone, never on its neighbours or on how many steps a call takes. -DREAL is float or double.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vectors.h"

constexpr int64_t BLOCK = 64;           // rows evaluated at a time
constexpr int64_t GRADIENT = 4096;      // numbers of a weight gradient that are made and used up at a time

// ---- what Python hands over: the same order as in kernel.py ----

enum Kind : int64_t { LINEAR, RELU, TANH, GELU, DROPOUT };

struct Operation {
    int64_t kind, fan_in, units;
    int64_t weight, bias, weight_stride;  // places in a model's numbers; weights are (units, weight_stride)
    int64_t value, slope;                 // rows of the workspace: the result, and its derivative where kept
    int64_t site;                         // which dropout of the model
};

struct Tape {
    const Operation* operations;
    int64_t count;
};

struct Model {
    real *numbers, *mean, *square;  // weights and the optimizer's moments (SGD: mean is the velocity)
    const real* x;                  // training examples (n, input_stride)
    const int64_t* y;
    double* squares;                // of the gradient, summed over all numbers
    double lr, weight_decay, l1, momentum, dropout;
    int64_t seed;
    Tape training, evaluation;
};

struct Bucket {
    int64_t models, batch, inputs, outputs, adamw;
    int64_t widest;               // rows of the widest layer
    real *values, *slopes;        // workspace in training: (rows, stride) and two of (widest, stride)
    real *input, *turned;         // the batch as (batch, stride of inputs) and as (inputs, stride)
    real *transposed, *gradient;  // scratch of one layer: (batch, stride of its units), GRADIENT or one panel
    real* evaluated;              // workspace in evaluation: (rows, stride of BLOCK)
};

// ---- forward ----

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

// Zeroes units in place and keeps by what each was multiplied.
static void drop(const Operation& op, const Model& model, int64_t step, int64_t rows, real* value, real* slope,
                 int64_t stride) {
    const uint32_t base = dropout_base({5, uint32_t(model.seed), uint32_t(step), uint32_t(op.site)});
    const uint32_t threshold = uint32_t(std::nearbyint(model.dropout * 4294967296.0)), units = uint32_t(op.units);
    const real scale = real(1 / (1 - model.dropout));
    for (uint32_t unit = 0; unit < units; unit++, value += stride, slope += stride)
        for (uint32_t row = 0; row < uint32_t(rows); row++) {
            slope[row] = hash(base + row * units + unit) >= threshold ? scale : 0;
            value[row] *= slope[row];
        }
}

// An activation in place; where its derivative cannot be read off the result, it is kept.
static void activate(int64_t kind, int64_t units, int64_t rows, real* value, real* slope, int64_t stride) {
    for (int64_t unit = 0; unit < units; unit++, value += stride, slope += stride)
        for (int64_t row = 0; row < rows; row += LANES) {
            const Vec x = load(value + row);
            if (kind == RELU) {
                store(value + row, x < 0 ? Vec{} : x);
            } else if (kind == TANH) {
                const Vec y = hyperbolic_tangent(x);
                store(value + row, y);
                store(slope + row, 1 - y * y);
            } else {
                const Normal n = normal(x);
                store(value + row, x * n.share);
                store(slope + row, n.share + x * n.density);
            }
        }
}

struct Pass {
    const Model& model;
    const Tape& tape;
    real* values;    // (rows of the workspace, stride)
    int64_t stride;
    const real* input;  // (inputs, input_stride)
    int64_t input_stride;
    int64_t rows;    // of the batch, filled up
    int64_t step;    // 0 in evaluation
};

// Follows the tape and returns the logits (outputs, stride).
static real* forward(const Pass& pass) {
    const real* x = pass.input;
    int64_t x_stride = pass.input_stride;
    real* out = nullptr;
    for (int64_t i = 0; i < pass.tape.count; i++) {
        const Operation& op = pass.tape.operations[i];
        out = pass.values + op.value * pass.stride;
        real* slope = pass.values + op.slope * pass.stride;
        const real* numbers = pass.model.numbers;
        if (op.kind == LINEAR)
            multiply({op.units, pass.rows / LANES, op.fan_in, {numbers + op.weight, op.weight_stride, 1}, x, x_stride,
                      out, pass.stride, numbers + op.bias});
        else if (op.kind == DROPOUT)
            drop(op, pass.model, pass.step, pass.rows, out, slope, pass.stride);
        else
            activate(op.kind, op.units, pass.rows, out, slope, pass.stride);
        x = out;
        x_stride = pass.stride;
    }
    return out;
}

// ---- backward ----

struct Softmax {
    Vec largest, total;
    Ints answer;
};

// Largest logit, the first class that has it, and the sum of e^(logit − largest), for one vector of rows.
static inline Softmax softmax(const real* logits, int64_t classes, int64_t stride, real* powers) {
    Vec largest = load(logits), total{};
    Ints answer{};
    for (int64_t c = 1; c < classes; c++) {
        const Vec z = load(logits + c * stride);
        answer = z > largest ? Ints{} + integer(c) : answer;
        largest = z > largest ? z : largest;
    }
    for (int64_t c = 0; c < classes; c++) {
        const Vec e = exponential(load(logits + c * stride) - largest);
        if (powers) store(powers + c * stride, e);
        total += e;
    }
    return {largest, total, answer};
}

// The gradient of the mean cross-entropy, (softmax − one-hot) / batch; rows that only fill up have none.
static void loss_gradient(const Bucket& bucket, const Pass& pass, const real* logits, const int64_t* rows, real* out) {
    const real share = real(1) / real(bucket.batch);
    for (int64_t row = 0; row < pass.rows; row += LANES) {
        const Vec total = softmax(logits + row, bucket.outputs, pass.stride, out + row).total;
        Vec scale = share / total;
        for (int64_t l = std::max<int64_t>(bucket.batch - row, 0); l < LANES; l++) scale[l] = 0;
        for (int64_t c = 0; c < bucket.outputs; c++) {
            real* at = out + c * pass.stride + row;
            store(at, load(at) * scale);
        }
    }
    for (int64_t row = 0; row < bucket.batch; row++) out[pass.model.y[rows[row]] * pass.stride + row] -= share;
}

struct Rates {
    real lr, kept, l1, momentum;  // kept: 1 − lr · weight decay
    real step, root;              // Adam's lr / (1 − β1^t) and 1 / √(1 − β2^t)
    bool adamw;
    double* squares;  // where the gradient's squares are added up; null where nobody asks
};

// Adam's constants. Source: Kingma & Ba 2014, arXiv:1412.6980, §2; decoupled decay arXiv:1711.05101.
constexpr double BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8;

static Rates rates_at(const Model& m, const Bucket& bucket, int64_t step, bool last) {
    if (last) *m.squares = 0;
    const double first = 1 - std::pow(BETA1, double(step)), second = 1 - std::pow(BETA2, double(step));
    return {real(m.lr), real(1 - m.lr * m.weight_decay), real(m.l1), real(m.momentum),
            real(m.lr / first), real(1 / std::sqrt(second)), bucket.adamw != 0, last ? m.squares : nullptr};
}

static void update(const Model& model, const Rates& r, int64_t place, int64_t count, real* __restrict gradient) {
    real* __restrict weight = model.numbers + place;
    real* __restrict mean = model.mean + place;
    real* __restrict square = model.square + place;
    if (r.l1 > 0)
        for (int64_t i = 0; i < count; i++) gradient[i] += weight[i] > 0 ? r.l1 : weight[i] < 0 ? -r.l1 : 0;
    if (r.squares)
        for (int64_t i = 0; i < count; i++) *r.squares += double(gradient[i]) * double(gradient[i]);
    if (!r.adamw) {
        for (int64_t i = 0; i < count; i++) {
            mean[i] = mean[i] * r.momentum + gradient[i];
            weight[i] = weight[i] * r.kept - mean[i] * r.lr;
        }
        return;
    }
    const real beta1 = BETA1, rest1 = 1 - BETA1, beta2 = BETA2, rest2 = 1 - BETA2, eps = EPS;
    for (int64_t i = 0; i < count; i++) {
        mean[i] = mean[i] * beta1 + gradient[i] * rest1;
        square[i] = square[i] * beta2 + gradient[i] * gradient[i] * rest2;
        weight[i] = weight[i] * r.kept - r.step * mean[i] / (std::sqrt(square[i]) * r.root + eps);
    }
}

// Sums each row of `slope` into `out`.
static void sum_rows(int64_t units, int64_t rows, const real* slope, int64_t stride, real* out) {
    for (int64_t unit = 0; unit < units; unit++, slope += stride) {
        Vec sum = load(slope);
        for (int64_t row = LANES; row < rows; row += LANES) sum += load(slope + row);
        for (int half = LANES / 2; half > 0; half /= 2) {
            Ints places{};
            for (int l = 0; l < LANES; l++) places[l] = (l + half) % LANES;
            sum += pick(sum, sum, places);
        }
        out[unit] = sum[0];
    }
}

// Makes the gradient of a weight matrix a few rows at a time, in the first cache, and updates them at once.
static void learn(const Bucket& bucket, const Pass& pass, const Operation& op, const Rates& rates, const real* slope,
                  const real* input, int64_t input_stride) {
    const int64_t width = filled(op.fan_in);
    const int64_t most = std::max<int64_t>(GRADIENT / width / MOST_ROWS, 1) * MOST_ROWS;
    for (int64_t unit = 0; unit < op.units; unit += most) {
        const int64_t units = std::min(most, op.units - unit), place = op.weight + unit * op.weight_stride;
        multiply({units, width / LANES, bucket.batch, {slope + unit * pass.stride, pass.stride, 1}, input,
                  input_stride, bucket.gradient, width, nullptr});
        if (width == op.weight_stride)
            update(pass.model, rates, place, units * width, bucket.gradient);
        else
            for (int64_t i = 0; i < units; i++)
                update(pass.model, rates, place + i * op.weight_stride, width, bucket.gradient + i * width);
    }
    std::fill_n(bucket.gradient, filled(op.units), real(0));
    sum_rows(op.units, pass.rows, slope, pass.stride, bucket.gradient);
    update(pass.model, rates, op.bias, filled(op.units), bucket.gradient);
}

static void multiply_slope(const Operation& op, const Pass& pass, real* gradient) {
    const real* from = pass.values + (op.kind == RELU ? op.value : op.slope) * pass.stride;
    for (int64_t unit = 0; unit < op.units; unit++, gradient += pass.stride, from += pass.stride)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            const Vec g = load(gradient + row), s = load(from + row);
            store(gradient + row, op.kind == RELU ? (s > 0 ? g : Vec{}) : g * s);
        }
}

// Follows the tape backwards from the gradient of the logits, in the first of `slopes`, and updates all parameters.
static void backward(const Bucket& bucket, const Pass& pass, const Rates& rates) {
    real *gradient = bucket.slopes, *other = gradient + bucket.widest * pass.stride;
    for (int64_t i = pass.tape.count - 1; i >= 0; i--) {
        const Operation& op = pass.tape.operations[i];
        if (op.kind != LINEAR) {
            multiply_slope(op, pass, gradient);
            continue;
        }
        if (i == 0) {
            learn(bucket, pass, op, rates, gradient, bucket.input, stride_of(bucket.inputs));
            return;
        }
        const real* weight = pass.model.numbers + op.weight;
        multiply({op.fan_in, pass.rows / LANES, op.units, {weight, 1, op.weight_stride}, gradient, pass.stride, other,
                  pass.stride, nullptr});
        const real* input = pass.values + pass.tape.operations[i - 1].value * pass.stride;
        const int64_t stride = stride_of(op.fan_in);
        transpose(filled(op.fan_in), pass.rows, input, pass.stride, bucket.transposed, stride);
        learn(bucket, pass, op, rates, gradient, bucket.transposed, stride);
        std::swap(gradient, other);
    }
}

// ---- what Python calls ----

// Copies the examples of a batch; the rows that fill it up repeat the first.
static void gather(const Bucket& bucket, const Model& model, const int64_t* rows) {
    const int64_t width = filled(bucket.inputs), stride = stride_of(bucket.inputs);
    for (int64_t row = 0; row < filled(bucket.batch); row++) {
        const real* from = model.x + rows[row < bucket.batch ? row : 0] * width;
        for (int64_t i = 0; i < width; i += LANES) store(bucket.input + row * stride + i, load(from + i));
    }
}

// Takes `steps` steps of every model, the first of them step `first`; rows are (steps, models, batch).
extern "C" void train(const Bucket* bucket, const Model* models, const int64_t* rows, int64_t steps, int64_t first) {
    const int64_t batch = filled(bucket->batch), stride = stride_of(bucket->batch);
    for (int64_t m = 0; m < bucket->models; m++)
        for (int64_t step = 0; step < steps; step++) {
            const Model& model = models[m];
            const int64_t* chosen = rows + (step * bucket->models + m) * bucket->batch;
            gather(*bucket, model, chosen);
            transpose(batch, filled(bucket->inputs), bucket->input, stride_of(bucket->inputs), bucket->turned, stride);
            const Pass pass{model, model.training, bucket->values, stride, bucket->turned, stride, batch, first + step};
            loss_gradient(*bucket, pass, forward(pass), chosen, bucket->slopes);
            backward(*bucket, pass, rates_at(model, *bucket, first + step, step == steps - 1));
        }
}

// One split: examples in blocks (blocks, inputs, stride_of(BLOCK)), each a BLOCK of rows, and their classes.
struct Split {
    const real* blocks;
    const int64_t* y;
    const bool* moved;  // whether label noise has put another label; null where it has put none
    int64_t count;
};

static real* predict(const Bucket& bucket, const Model& model, const Split& split, int64_t block) {
    const int64_t stride = stride_of(BLOCK);
    const real* input = split.blocks + block * bucket.inputs * stride;
    return forward({model, model.evaluation, bucket.evaluated, stride, input, stride, BLOCK, 0});
}

// Writes the logits (models, outputs, count) of one split per model.
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

struct Judgement {
    double loss, wrong, flipped;  // flipped: wrong where label noise has put another label
};

// Adds the losses and the wrong answers of one vector of rows, those of a split from `first` to before `end`.
static inline void judge(const real* logits, const Split& split, int64_t first, int64_t end, int64_t classes,
                         int64_t stride, Judgement& sums) {
    const Softmax s = softmax(logits, classes, stride, nullptr);
    const int64_t* y = split.y + first;
    double product = 1;  // of a few sums: one logarithm for all
    for (int64_t row = 0; row < end - first; row++) {
        product *= s.total[row];
        sums.loss += double(s.largest[row]) - double(logits[y[row] * stride + row]);
        const bool wrong = s.answer[row] != y[row];
        sums.wrong += wrong;
        sums.flipped += wrong && split.moved && split.moved[first + row];
    }
    sums.loss += std::log(product);
}

// Writes the mean loss, the share of wrong answers and the number of flipped ones (models, 3) of one split per model.
extern "C" void measure(const Bucket* bucket, const Model* models, const Split* splits, double* out) {
    const int64_t stride = stride_of(BLOCK);
    for (int64_t m = 0; m < bucket->models; m++, out += 3) {
        const Split& split = splits[m];
        Judgement sums{};
        for (int64_t start = 0; start < split.count; start += BLOCK) {
            const real* z = predict(*bucket, models[m], split, start / BLOCK);
            const int64_t end = std::min(start + BLOCK, split.count);
            for (int64_t row = start; row < end; row += LANES)
                judge(z + row - start, split, row, std::min<int64_t>(row + LANES, end), bucket->outputs, stride, sums);
        }
        out[0] = sums.loss / double(split.count);
        out[1] = sums.wrong / double(split.count);
        out[2] = sums.flipped;
    }
}
