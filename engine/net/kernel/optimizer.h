// What turns a gradient into new weights: penalties, clipping, AdamW and SGD.
#pragma once
#include <cmath>

#include "tape.h"

// Adam's constant, and what is added to a norm before it divides; see numerics.py.
constexpr double ADAM_EPS = 1e-8, CLIP_EPS = 1e-6;

struct Corrections {  // of Adam's moments, which begin at 0: 1 − β1^t and 1 − β2^t
    double mean, square;
};

struct Rates {  // of one model in one step
    real lr, kept, l1, l2, momentum;  // kept: 1 − lr · weight decay
    real beta1, rest1, beta2, rest2;
    real step, root;  // Adam's lr / (1 − β1^t) and 1 / √(1 − β2^t)
    real clip;
    bool adamw;
    Sum* squares;  // where the gradient's squares are added up; null where nobody asks
};

static Rates rates_of(const Model& m, double lr, const Corrections& c, bool adamw, Sum* squares) {
    return {real(lr), real(1 - lr * m.weight_decay), real(m.l1), real(m.l2), real(m.momentum),
            real(m.beta1), real(1 - m.beta1), real(m.beta2), real(1 - m.beta2),
            real(lr / c.mean), real(1 / std::sqrt(c.square)), real(m.clip), adamw, squares};
}

// Adds the grads of the penalties to a gradient, and its squares to their sum.
static void complete(const Model& model, const Rates& r, int64_t place, int64_t count, real* __restrict gradient) {
    const real* __restrict weight = model.numbers + place;
    if (r.l1 > 0)
        for (int64_t i = 0; i < count; i++) gradient[i] += weight[i] > 0 ? r.l1 : weight[i] < 0 ? -r.l1 : 0;
    if (r.l2 > 0)
        for (int64_t i = 0; i < count; i++) gradient[i] += weight[i] * r.l2;
    if (r.squares)
        for (int64_t i = 0; i < count; i += LANES) r.squares->add_square(load(gradient + i));
}

static void descend(const Model& model, const Rates& r, int64_t place, int64_t count, const real* __restrict gradient) {
    real* __restrict weight = model.numbers + place;
    real* __restrict mean = model.mean + place;
    real* __restrict square = model.square + place;
    if (!r.adamw) {
        for (int64_t i = 0; i < count; i++) {
            mean[i] = mean[i] * r.momentum + gradient[i];
            weight[i] = weight[i] * r.kept - mean[i] * r.lr;
        }
        return;
    }
    const real eps = ADAM_EPS;
    for (int64_t i = 0; i < count; i++) {
        mean[i] = mean[i] * r.beta1 + gradient[i] * r.rest1;
        square[i] = square[i] * r.beta2 + gradient[i] * gradient[i] * r.rest2;
        weight[i] = weight[i] * r.kept - r.step * mean[i] / (std::sqrt(square[i]) * r.root + eps);
    }
}

// Updates numbers by their part of the gradient, whole vectors of it.
static void update(const Model& model, const Rates& r, int64_t place, int64_t count, real* gradient) {
    complete(model, r, place, count, gradient);
    descend(model, r, place, count, gradient);
}

// Updates all numbers at once: only then is the norm known to which the gradient is cut down.
static void update_all(const Model& model, const Rates& r, int64_t count, real* gradient) {
    complete(model, r, 0, count, gradient);
    if (r.clip > 0) {
        const real share = r.clip / (real(std::sqrt(r.squares->total())) + real(CLIP_EPS));
        if (share < 1)
            for (int64_t i = 0; i < count; i++) gradient[i] *= share;
    }
    descend(model, r, 0, count, gradient);
}

// Whether a model's gradient is made as a whole before it is used: where it must be known, or all of it stays near.
static bool as_a_whole(const Pass& pass) { return pass.model.clip > 0 || pass.bucket.numbers <= GRADIENT; }

// Uses up the gradient of `count` numbers from `place` on, which an operation has written into the whole.
static void learned(const Pass& pass, int64_t place, int64_t count) {
    if (!as_a_whole(pass)) update(pass.model, *pass.rates, place, count, pass.bucket.whole + place);
}
