// Causal attention of one batch, forward and backward. Source: arXiv:1706.03762 §3.2.
//
// Values lie as (units, steps × rows), so one vector is one step of LANES rows: every row of the batch has its own
// lane, nothing is transposed, and only the half of the scores that looks back is worked out.
#pragma once
#include <algorithm>
#include <cmath>

#include "vectors.h"

struct Attention {
    int64_t heads, units, steps, rows;  // units of one head; rows filled up to whole vectors
    const real* x;                      // queries, keys and values: (3 · heads · units, stride)
    real* shares;                       // of the steps before, (heads · steps, stride); kept for the way back
    bool kept;                          // otherwise EDGE of its rows serve all
    int64_t stride;
};

// ---- sums of products, lane by lane ----

constexpr int EDGE = BYTES == 64 ? 4 : 3;  // EDGE² sums and 2 · EDGE factors in registers

// c[i, j] = Σ a[i, k] b[j, k] over k, each a vector.
struct Sums {
    const real* a;
    int64_t a_i, a_k;
    const real* b;
    int64_t b_j, b_k;
    real* c;
    int64_t c_i, c_j, depth;
    const Vec* less;  // where given, c[i, j] = c[i, j] · (sum − less[i]) · scale
    real scale;
};

template <int I, int J>
static void add_products(const Sums& p) {
    Vec sum[I][J]{};
    const real *a = p.a, *b = p.b;
    const int64_t a_i = p.a_i, a_k = p.a_k, b_j = p.b_j, b_k = p.b_k;
    for (int64_t k = p.depth; k > 0; k--, a += a_k, b += b_k) {
        Vec factor[J];
        for (int j = 0; j < J; j++) factor[j] = load(b + j * b_j);
        for (int i = 0; i < I; i++) {
            const Vec other = load(a + i * a_i);
            for (int j = 0; j < J; j++) sum[i][j] += other * factor[j];
        }
    }
    for (int i = 0; i < I; i++)
        for (int j = 0; j < J; j++) {
            real* c = p.c + i * p.c_i + j * p.c_j;
            store(c, p.less ? load(c) * ((sum[i][j] - p.less[i]) * p.scale) : sum[i][j]);
        }
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
static void mix_earlier(const Head& h, int64_t s, const real* of, real* out) {
    const int64_t count = h.edge(s);
    for (int64_t d = 0; d < h.units; d += EDGE)
        add_products_of({of + d * h.stride, h.stride, h.step, h.share(s, 0), h.stride, h.step,
                         out + d * h.stride + s * h.step, h.stride, h.step, s + count, nullptr, 0},
                        std::min<int64_t>(EDGE, h.units - d), count);
}

// out[d, t] = Σ shares[s, t] of[d, s] over s ≥ t.
static void mix_later(const Head& h, const real* of, real* out) {
    for (int64_t t = 0; t < h.steps; t += EDGE)
        for (int64_t d = 0; d < h.units; d += EDGE)
            add_products_of({of + d * h.stride + t * h.step, h.stride, h.step, h.share(t, t), h.step, h.stride,
                             out + d * h.stride + t * h.step, h.stride, h.step, h.steps - t, nullptr, 0},
                            std::min<int64_t>(EDGE, h.units - d), h.edge(t));
}

// Products of step s, and those after it in its tile, with every step up to them: into shares, or times them.
static void compare(const Head& h, int64_t s, const real* of, const real* with, const Vec* less) {
    for (int64_t t = 0; t <= s; t += EDGE)
        add_products_of({of + s * h.step, h.step, h.stride, with + t * h.step, h.step, h.stride, h.share(s, t),
                         h.stride, h.step, h.units, less, h.scale},
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
                mix_earlier(h, s, h.values, out + head * a.units * a.stride + row);
            }
        }
}

// Writes the gradient of x, (3 · heads · units, stride), from that of what attend wrote; the shares are used up.
// A score's gradient is share · (g·v − g·out): the last term is the sum over all shares. Source: arXiv:2205.14135 §B.2.
static void attend_back(const Attention& a, const real* out, const real* gradient, real* of_x) {
    const int64_t all_units = a.heads * a.units;
    for (int64_t head = 0; head < a.heads; head++)
        for (int64_t row = 0; row < a.rows; row += LANES) {
            const Head h = head_of(a, head, row);
            const int64_t first = head * a.units * a.stride + row;
            const real *made = out + first, *slope = gradient + first;
            real *of_queries = of_x + first, *of_keys = of_queries + all_units * a.stride;
            mix_later(h, slope, of_keys + all_units * a.stride);
            for (int64_t s = 0; s < h.steps; s += EDGE) {
                Vec less[EDGE]{};
                for (int64_t d = 0; d < h.units; d++)
                    for (int64_t i = 0; i < h.edge(s); i++) {
                        const int64_t at = d * h.stride + (s + i) * h.step;
                        less[i] += load(made + at) * load(slope + at);
                    }
                compare(h, s, slope, h.values, less);
                mix_earlier(h, s, h.keys, of_queries);
            }
            mix_later(h, h.queries, of_keys);
        }
}
