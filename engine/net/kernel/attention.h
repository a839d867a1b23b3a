// Steps that know of each other: learned positions, and causal attention. Source: arXiv:1706.03762 §3.2.
//
// Values lie as (units, steps × rows), so one vector is one step of LANES rows: every row of the batch has its own
// lane, nothing is transposed, and only the half of the scores that looks back is worked out.
#pragma once
#include <algorithm>
#include <cmath>

#include "elementwise.h"
#include "optimizer.h"

struct Attention {
    int64_t heads, units, steps, rows;  // units of one head; rows filled up to whole vectors
    int64_t stride;
    const real* x;  // queries, keys and values: (3 · heads · units, stride)
    real* shares;   // of the steps before, (heads · steps, stride)
    bool kept;      // the shares, for the way back; otherwise EDGE rows of them serve all
};

// ---- sums of products, lane by lane ----

constexpr int MOST_EDGE = 4;  // on any machine: Python makes room for so many
constexpr int EDGE = BYTES == 64 ? MOST_EDGE : 3;  // EDGE² sums and 2 · EDGE factors in registers

// c[i, j] = Σ a[i, k] b[j, k] over k, each a vector.
struct Sums {
    const real* a;
    int64_t a_i, a_k;
    const real* b;
    int64_t b_j, b_k;
    real* c;
    int64_t c_i, c_j, depth;
    bool adds;        // to what c holds, rather than write it
    const Vec* less;  // where given, c[i, j] = c[i, j] · (sum − less[i]) · scale
    real scale;
};

template <int I, int J>
static void add_products(const Sums& p) {
    Vec sum[I][J];
    for (int i = 0; i < I; i++)
        for (int j = 0; j < J; j++) sum[i][j] = p.adds ? load(p.c + i * p.c_i + j * p.c_j) : Vec{};
    const real *a = p.a, *b = p.b;
    const int64_t a_i = p.a_i, a_k = p.a_k, b_j = p.b_j, b_k = p.b_k;
    for (int64_t k = p.depth; k > 0; k--, a += a_k, b += b_k) {
        Vec left[I], right[J];
        for (int i = 0; i < I; i++) left[i] = held(load(a + i * a_i));
        for (int j = 0; j < J; j++) right[j] = held(load(b + j * b_j));
        for (int i = 0; i < I; i++)
            for (int j = 0; j < J; j++) sum[i][j] += left[i] * right[j];
    }
    if (p.less)
        for (int i = 0; i < I; i++)
            for (int j = 0; j < J; j++)
                sum[i][j] = load(p.c + i * p.c_i + j * p.c_j) * ((sum[i][j] - p.less[i]) * p.scale);
    for (int i = 0; i < I; i++)
        for (int j = 0; j < J; j++) store(p.c + i * p.c_i + j * p.c_j, sum[i][j]);
}

template <int I>
static void add_products_of(const Sums& p, int64_t j) {
    if constexpr (EDGE == 4)
        if (j == 4) return add_products<I, 4>(p);
    return j == 3 ? add_products<I, 3>(p) : j == 2 ? add_products<I, 2>(p) : add_products<I, 1>(p);
}

static void add_products_of(const Sums& p, int64_t i, int64_t j) {
    if constexpr (EDGE == 4)
        if (i == 4) return add_products_of<4>(p, j);
    return i == 3 ? add_products_of<3>(p, j) : i == 2 ? add_products_of<2>(p, j) : add_products_of<1>(p, j);
}

// ---- one head, one vector of rows ----

struct Head {
    const real *queries, *keys, *values;  // (units, stride), at this vector of rows
    real* shares;                         // (steps, stride)
    int64_t units, steps, step, stride;   // step: from one step to the next
    bool kept;
    real scale;

    int64_t edge(int64_t first) const { return std::min<int64_t>(EDGE, steps - first); }
    real* share(int64_t of, int64_t at) const { return shares + (kept ? of : of % EDGE) * stride + at * step; }
};

static Head head_of(const Attention& a, int64_t head, int64_t row) {
    const int64_t all_units = a.heads * a.units;
    const real* queries = a.x + head * a.units * a.stride + row;
    return {queries, queries + all_units * a.stride, queries + 2 * all_units * a.stride,
            a.shares + (a.kept ? head * a.steps * a.stride : 0) + row, a.units, a.steps, a.rows, a.stride, a.kept,
            real(1 / std::sqrt(double(a.units)))};
}

// Turns the scores of step s into shares; zeroes those of later steps that its tile worked out too.
static inline void share_out(const Head& h, int64_t s, int64_t end) {
    real* at = h.share(s, 0);
    Vec largest = load(at), total{};
    for (int64_t t = 1; t <= s; t++) {
        const Vec score = load(at + t * h.step);
        largest = score > largest ? score : largest;
    }
    for (int64_t t = 0; t <= s; t++) {
        const Vec e = exponential((load(at + t * h.step) - largest) * h.scale);
        store(at + t * h.step, e);
        total += e;
    }
    const Vec part = 1 / total;
    for (int64_t t = 0; t <= s; t++) store(at + t * h.step, load(at + t * h.step) * part);
    for (int64_t t = s + 1; t < end; t++) store(at + t * h.step, Vec{});
}

// out[d, s] = Σ shares[s, t] of[d, t] over t ≤ s, for the steps of one tile.
static void mix_earlier(const Head& h, int64_t s, const real* of, real* out, bool adds) {
    const int64_t count = h.edge(s);
    for (int64_t d = 0; d < h.units; d += EDGE)
        add_products_of({of + d * h.stride, h.stride, h.step, h.share(s, 0), h.stride, h.step,
                         out + d * h.stride + s * h.step, h.stride, h.step, s + count, adds, nullptr, 0},
                        std::min<int64_t>(EDGE, h.units - d), count);
}

// out[d, t] = Σ shares[s, t] of[d, s] over s ≥ t.
static void mix_later(const Head& h, const real* of, real* out, bool adds) {
    for (int64_t t = 0; t < h.steps; t += EDGE)
        for (int64_t d = 0; d < h.units; d += EDGE)
            add_products_of({of + d * h.stride + t * h.step, h.stride, h.step, h.share(t, t), h.step, h.stride,
                             out + d * h.stride + t * h.step, h.stride, h.step, h.steps - t, adds, nullptr, 0},
                            std::min<int64_t>(EDGE, h.units - d), h.edge(t));
}

// Products of step s, and those after it in its tile, with every step up to them: into shares, or times them.
static void compare(const Head& h, int64_t s, const real* of, const real* with, const Vec* less) {
    for (int64_t t = 0; t <= s; t += EDGE)
        add_products_of({of + s * h.step, h.step, h.stride, with + t * h.step, h.step, h.stride, h.share(s, t),
                         h.stride, h.step, h.units, false, less, h.scale},
                        h.edge(s), h.edge(t));
}

// ---- all heads ----

// Writes what every step attends to: out (heads · units, stride).
static void attend(const Attention& a, real* out) {
    for (int64_t head = 0; head < a.heads; head++)
        for (int64_t row = 0; row < a.rows; row += LANES) {
            const Head h = head_of(a, head, row);
            for (int64_t s = 0; s < h.steps; s += EDGE) {
                const int64_t end = s + h.edge(s);
                compare(h, s, h.queries, h.keys, nullptr);
                for (int64_t one = s; one < end; one++) share_out(h, one, end);
                mix_earlier(h, s, h.values, out + head * a.units * a.stride + row, false);
            }
        }
}

// Writes the grad of x, (3 · heads · units, stride), or adds to it, from that of what attend wrote; the shares are used up.
// A score's grad is share · (g·v − g·out): the last term is the sum over all shares. Source: arXiv:2205.14135 §B.2.
static void attend_back(const Attention& a, const real* out, const real* grad_of_out, real* of_x, bool adds) {
    const int64_t all_units = a.heads * a.units;
    for (int64_t head = 0; head < a.heads; head++)
        for (int64_t row = 0; row < a.rows; row += LANES) {
            const Head h = head_of(a, head, row);
            const int64_t first = head * a.units * a.stride + row;
            const real *made = out + first, *grad = grad_of_out + first;
            real *of_queries = of_x + first, *of_keys = of_queries + all_units * a.stride;
            mix_later(h, grad, of_keys + all_units * a.stride, adds);
            for (int64_t s = 0; s < h.steps; s += EDGE) {
                Vec less[EDGE]{};
                for (int64_t d = 0; d < h.units; d++)
                    for (int64_t i = 0; i < h.edge(s); i++) {
                        const int64_t at = d * h.stride + (s + i) * h.step;
                        less[i] += load(made + at) * load(grad + at);
                    }
                compare(h, s, grad, h.values, less);
                mix_earlier(h, s, h.keys, of_queries, adds);
            }
            mix_later(h, h.queries, of_keys, adds);
        }
}

// ---- what a tape asks: the detail is the number of heads ----

static Attention attention_of(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const int64_t heads = op.details[0];
    real* kept = pass.kept(op);
    return {heads, y.units / heads, y.places, pass.rows, x.stride, pass.at(x), kept ? kept : pass.bucket.scratch,
            kept != nullptr};
}

static void attention_forward(const Operation& op, const Pass& pass) {
    attend(attention_of(op, pass), pass.out(pass.value(op.output)));
}

static void attention_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    attend_back(attention_of(op, pass), pass.at(y), pass.grad(y), pass.grad(x), op.input_adds != 0);
}

// ---- positions: a table (steps, units) of what is added ----

static void positions_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const real* table = pass.parameter(op, 0);
    for (int64_t unit = 0; unit < y.units; unit++)
        for (int64_t step = 0; step < y.places; step++) {
            const real shift = table[step * op.parameters[0].stride + unit];
            const real* from = pass.at(x) + unit * x.stride + step * pass.rows;
            real* to = pass.out(y) + unit * y.stride + step * pass.rows;
            for (int64_t row = 0; row < pass.rows; row += LANES) store(to + row, load(from + row) + shift);
        }
}

static void positions_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    hand_back(pass, y, x, op.input_adds != 0);
    const auto [at, apart] = op.parameters[0];
    for (int64_t step = 0; step < y.places; step++)
        sum_rows(y.units, pass.rows, pass.grad(y) + step * pass.rows, y.stride,
                 pass.bucket.whole + at + step * apart);
    learned(pass, at, y.places * apart);
}
