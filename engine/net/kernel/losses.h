// The losses: the grad that training follows, and how good outputs are. Formulas as in losses.py.
#pragma once
#include <algorithm>
#include <cmath>

#include "tape.h"

// One split: examples in blocks (blocks, inputs, BLOCK), and as many labels.
struct Split {
    const real* blocks;
    const real* y;      // (blocks, labels, BLOCK)
    const real* moved;  // (blocks, BLOCK), 1 where label noise has put another label; null where it has put none
    int64_t count;
};

// Writes e^(logit − largest) for one vector of rows, and returns their sum over classes.
static inline Vec softmax(const real* logits, int64_t classes, int64_t stride, real* powers) {
    Vec largest = load(logits), total{};
    for (int64_t c = 1; c < classes; c++) {
        const Vec z = load(logits + c * stride);
        largest = z > largest ? z : largest;
    }
    for (int64_t c = 0; c < classes; c++) {
        const Vec e = exponential(load(logits + c * stride) - largest);
        store(powers + c * stride, e);
        total += e;
    }
    return total;
}

// ---- training: the gradient of the mean loss of the batch; rows that only fill up have none ----

static inline Vec in_batch(int64_t row, int64_t batch, real value) {
    Vec v = all(value);
    for (int64_t l = std::max<int64_t>(batch - row, 0); l < LANES; l++) v[l] = 0;
    return v;
}

// (softmax − target) / batch; smoothing moves a share of the target from the label to all classes.
static void cross_entropy_grad(const Pass& pass, const real* logits, real* out) {
    const int64_t batch = pass.bucket.batch, classes = pass.bucket.outputs;
    const real share = real(1) / real(batch), smoothing = real(pass.model.label_smoothing);
    for (int64_t row = 0; row < pass.rows; row += LANES) {
        const Vec shares = in_batch(row, batch, share), y = load(pass.bucket.answers + row);
        const Vec scale = shares / softmax(logits + row, classes, pass.stride, out + row);
        const Vec label = shares * (1 - smoothing), each = shares * (smoothing / real(classes));
        for (int64_t c = 0; c < classes; c++) {
            real* at = out + c * pass.stride + row;
            const Vec p = load(at) * scale, less = p - label;
            const Vec grad = y == real(c) ? less : p;
            store(at, smoothing > 0 ? grad - each : grad);
        }
    }
}

static void squares_grad(const Pass& pass, const real* outputs, real* out) {
    const Bucket& bucket = pass.bucket;
    for (int64_t o = 0; o < bucket.outputs; o++, outputs += pass.stride, out += pass.stride)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            const Vec share = in_batch(row, bucket.batch, real(2) / real(bucket.outputs * bucket.batch));
            store(out + row, (load(outputs + row) - load(bucket.answers + o * pass.stride + row)) * share);
        }
}

static void hinge_grad(const Pass& pass, const real* outputs, real* out) {
    const Bucket& bucket = pass.bucket;
    for (int64_t o = 0; o < bucket.outputs; o++, outputs += pass.stride, out += pass.stride)
        for (int64_t row = 0; row < pass.rows; row += LANES) {
            const Vec share = in_batch(row, bucket.batch, real(1) / real(bucket.outputs * bucket.batch));
            const Vec y = load(bucket.answers + o * pass.stride + row);
            store(out + row, load(outputs + row) * y <= 1 ? -y * share : Vec{});
        }
}

static void loss_grad(const Pass& pass, const real* outputs, real* out) {
    switch (pass.bucket.loss) {
        case MSE: return squares_grad(pass, outputs, out);
        case HINGE: return hinge_grad(pass, outputs, out);
        default: return cross_entropy_grad(pass, outputs, out);
    }
}

// ---- evaluation ----

// Sums over the examples of a split.
struct Judgement {
    Sum loss, wrong, flipped, brier;  // flipped: wrong where label noise has put another label
    double logarithms = 0;            // their part of the cross-entropy
    int64_t *hits, *answers;          // per class: answers that are right, and all; null where nobody asks
};

// Rows of one block that are judged together.
struct Rows {
    const real *outputs, *y, *moved;
    int64_t count;  // examples among BLOCK rows
};

static inline Vec examples(int64_t row, int64_t count) {
    Vec place{};
    for (int l = 0; l < LANES; l++) place[l] = real(l);
    return place + real(row) < real(count) ? all(1) : Vec{};
}

static inline void judge_wrong(const Rows& rows, int64_t row, Vec wrong, Judgement& sums) {
    sums.wrong.add(wrong);
    if (rows.moved) sums.flipped.add(wrong * load(rows.moved + row));
}

// Counts each class that is answered, one vector of rows.
static inline void count_answers(Vec answer, Vec y, int64_t examples, Judgement& sums) {
    real answered[LANES], asked[LANES];
    store(answered, answer);
    store(asked, y);
    for (int64_t l = 0; l < examples; l++) {
        sums.answers[int64_t(answered[l])]++;
        sums.hits[int64_t(answered[l])] += answered[l] == asked[l];
    }
}

// Cross-entropy, wrong answers, and the Brier score: (p − one-hot)², summed over classes.
static void judge_classes(const Rows& rows, int64_t classes, int64_t stride, Judgement& sums) {
    double products[LANES];  // of the totals of all rows, at most classes^BLOCK: one logarithm for all
    for (double& product : products) product = 1;
    for (int64_t row = 0; row < rows.count; row += LANES) {
        const real* logits = rows.outputs + row;
        const Vec y = load(rows.y + row), there = examples(row, rows.count);
        Vec largest = load(logits), answer{}, own = largest;
        for (int64_t c = 1; c < classes; c++) {
            const Vec z = load(logits + c * stride);
            answer = z > largest ? all(real(c)) : answer;
            largest = z > largest ? z : largest;
            own = y == real(c) ? z : own;
        }
        Vec total{}, squares{};
        for (int64_t c = 0; c < classes; c++) {
            const Vec e = exponential(load(logits + c * stride) - largest);
            total += e;
            squares += e * e;
        }
        real totals[LANES];
        store(totals, there > 0 ? total : all(1));
        for (int l = 0; l < LANES; l++) products[l] *= double(totals[l]);
        sums.loss.add(there > 0 ? largest : Vec{});
        sums.loss.add(there > 0 ? -own : Vec{});
        judge_wrong(rows, row, answer != y ? there : Vec{}, sums);
        if (!sums.hits) continue;
        const Vec each = 1 / total;
        sums.brier.add((squares * each * each - 2 * each * exponential(own - largest) + 1) * there);
        count_answers(answer, y, std::min<int64_t>(rows.count - row, LANES), sums);
    }
    double product = 1;
    for (double part : products) product *= part;
    sums.logarithms += std::log(product);
}

static void judge_numbers(const Rows& rows, const Bucket& bucket, int64_t stride, Judgement& sums) {
    const real share = real(1) / real(bucket.outputs);
    for (int64_t row = 0; row < rows.count; row += LANES) {
        Vec loss{}, wrong{};
        for (int64_t o = 0; o < bucket.outputs; o++) {
            const Vec z = load(rows.outputs + o * stride + row), y = load(rows.y + o * BLOCK + row);
            const Vec short_of = 1 - z * y;
            if (bucket.loss == MSE) {
                loss += (z - y) * (z - y);
            } else {
                loss += short_of > 0 ? short_of : short_of == short_of ? Vec{} : short_of;  // not-a-number stays so
                wrong += z * y <= 0 ? all(1) : Vec{};
            }
        }
        const Vec there = examples(row, rows.count);
        sums.loss.add(there > 0 ? loss * share : Vec{});
        judge_wrong(rows, row, there > 0 ? (bucket.loss == MSE ? loss : wrong) * share : Vec{}, sums);
    }
}

static void judge(const Rows& rows, const Bucket& bucket, int64_t stride, Judgement& sums) {
    if (bucket.loss == CROSS_ENTROPY)
        judge_classes(rows, bucket.outputs, stride, sums);
    else
        judge_numbers(rows, bucket, stride, sums);
}
