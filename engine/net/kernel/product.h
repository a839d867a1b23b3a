// Matrix products: numbers of A, each spread over a vector, times vectors of B.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>

#include "vectors.h"

constexpr int MOST_ROWS = 6, MOST_COLUMNS = BYTES == 64 ? 4 : 2;  // 24 of 32 registers hold sums, or 12 of 16
constexpr int64_t NEAR = 24 * 1024;                               // bytes of B that stay in the first cache
constexpr int64_t FAR = 640 * 1024, SPAN = 128 * 1024;  // that do not stay in the second, and what then is one span of B

struct Factor {
    const real* at;
    int64_t row, column;  // strides
};

struct Product {
    int64_t rows, vectors, depth;  // of the result, in vectors; numbers that are summed
    Factor a;
    const real* b;
    int64_t b_stride;
    real* c;
    int64_t c_stride;
    const real* bias;            // one per row, or none
    bool adds = false;           // to what c holds, rather than write it
    bool positive = false;       // whether what is below 0 becomes 0
    const real* gate = nullptr;  // numbers as those of the result, which is 0 where they are not above 0
};

template <int ROWS, int COLUMNS>
static void tile(const Product& p, int64_t row, int64_t column) {
    Vec sum[ROWS][COLUMNS];
    real* c = p.c + row * p.c_stride + column * LANES;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            sum[i][j] = p.adds ? load(c + i * p.c_stride + j * LANES) : all(p.bias ? p.bias[row + i] : 0);
    const real *a = p.a.at + row * p.a.row, *b = p.b + column * LANES;
    const int64_t a_row = p.a.row, a_column = p.a.column, b_stride = p.b_stride;
    for (int64_t k = p.depth; k > 0; k--, a += a_column, b += b_stride) {
        Vec factor[COLUMNS];
        for (int j = 0; j < COLUMNS; j++) factor[j] = load(b + j * LANES);
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++) sum[i][j] += a[i * a_row] * factor[j];
    }
    const real* gate = p.gate ? p.gate + row * p.c_stride + column * LANES : nullptr;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            const int64_t at = i * p.c_stride + j * LANES;
            if (p.positive) sum[i][j] = sum[i][j] < 0 ? Vec{} : sum[i][j];
            if (gate) sum[i][j] = load(gate + at) > 0 ? sum[i][j] : Vec{};
            store(c + at, sum[i][j]);
        }
}

// A narrow tile has more rows, so that as many sums are under way.
constexpr int64_t most_rows(int64_t columns) { return columns * 2 > MOST_COLUMNS ? MOST_ROWS : 2 * MOST_ROWS; }

using TileFunction = void (*)(const Product&, int64_t, int64_t);

template <int COLUMNS, int... LESS>
static TileFunction tile_of_rows(int64_t rows, std::integer_sequence<int, LESS...>) {
    static constexpr TileFunction tiles[] = {tile<LESS + 1, COLUMNS>...};
    return tiles[rows - 1];
}

template <int COLUMNS>
static TileFunction tile_of_rows(int64_t rows) {
    return tile_of_rows<COLUMNS>(rows, std::make_integer_sequence<int, most_rows(COLUMNS)>{});
}

static TileFunction tile_of(int64_t rows, int64_t columns) {
    switch (columns) {
        case 1: return tile_of_rows<1>(rows);
        case 2: return tile_of_rows<2>(rows);
        case 3: return tile_of_rows<MOST_COLUMNS == 4 ? 3 : 2>(rows);
        default: return tile_of_rows<MOST_COLUMNS>(rows);
    }
}

// Cuts a length into parts of nearly the same size: one row left over would wait for its own sums.
struct Parts {
    int64_t count, least, longer;
    Parts(int64_t n, int64_t most)
        : count((n + most - 1) / most), least(uint32_t(n) / uint32_t(count)), longer(n - count * least) {}
    int64_t start(int64_t part) const { return part * least + (part < longer ? part : longer); }
    int64_t size(int64_t part) const { return least + (part < longer); }
};

static void multiply_span(const Product& p) {
    const Parts columns(p.vectors, MOST_COLUMNS), rows(p.rows, most_rows(columns.size(0)));
    auto one = [&](int64_t i, int64_t j) { tile_of(rows.size(i), columns.size(j))(p, rows.start(i), columns.start(j)); };
    if (p.depth * MOST_COLUMNS * BYTES <= NEAR) {
        for (int64_t j = 0; j < columns.count; j++)
            for (int64_t i = 0; i < rows.count; i++) one(i, j);
    } else {  // rather keep a panel of A near
        for (int64_t i = 0; i < rows.count; i++)
            for (int64_t j = 0; j < columns.count; j++) one(i, j);
    }
}

static void multiply(const Product& p) {
    const int64_t bytes = p.depth * BYTES;  // of one vector of every row of B
    if (p.vectors * bytes <= FAR) return multiply_span(p);
    Product span = p;
    const Parts spans(p.vectors, std::max<int64_t>(SPAN / bytes / MOST_COLUMNS, 1) * MOST_COLUMNS);
    for (int64_t i = 0; i < spans.count; i++) {
        span.vectors = spans.size(i);
        span.b = p.b + spans.start(i) * LANES;
        span.c = p.c + spans.start(i) * LANES;
        span.gate = p.gate ? p.gate + spans.start(i) * LANES : nullptr;
        multiply_span(span);
    }
}

// ---- rows of A times rows of B ----

// The sums of a tile's products are as many as a vector has lanes: they are folded all at once.
constexpr int TILE_COLUMNS = LANES == 16 ? 4 : LANES == 2 ? 1 : 2, TILE_ROWS = LANES / TILE_COLUMNS;
constexpr int64_t STRETCH = 512;  // numbers of a row that are summed before the next rows come

struct RowProduct {
    int64_t rows, columns, depth;  // of the result; numbers that are summed, whole vectors
    const real* a;
    int64_t a_stride;
    const real* b;
    int64_t b_stride;
    real* c;
    int64_t c_stride;
};

static inline void row_tile(const RowProduct& p, int64_t row, int64_t column, int64_t first) {
    const int64_t rows = std::min<int64_t>(TILE_ROWS, p.rows - row);
    const int64_t columns = std::min<int64_t>(TILE_COLUMNS, p.columns - column);
    const real *a[TILE_ROWS], *b[TILE_COLUMNS];  // past the edge, the last row again
    for (int i = 0; i < TILE_ROWS; i++) a[i] = p.a + (row + std::min<int64_t>(i, rows - 1)) * p.a_stride;
    for (int j = 0; j < TILE_COLUMNS; j++) b[j] = p.b + (column + std::min<int64_t>(j, columns - 1)) * p.b_stride;
    Vec sum[LANES] = {};
    const int64_t end = std::min(first + STRETCH, p.depth);
    for (int64_t k = first; k < end; k += LANES) {
        Vec factor[TILE_COLUMNS];
        for (int j = 0; j < TILE_COLUMNS; j++) factor[j] = held(load(b[j] + k));
        for (int i = 0; i < TILE_ROWS; i++) {
            const Vec of_row = held(load(a[i] + k));
            for (int j = 0; j < TILE_COLUMNS; j++) sum[i * TILE_COLUMNS + j] += of_row * factor[j];
        }
    }
    real sums[LANES];
    store(sums, sums_of(sum));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            real* c = p.c + (row + i) * p.c_stride + column + j;
            *c = (first ? *c : 0) + sums[i * TILE_COLUMNS + j];
        }
}

// Whether it is worth turning b over first: where many rows of a use it, and its rows fill vectors.
static bool worth_turning(int64_t rows, int64_t columns) { return columns >= PAD && rows >= columns; }

// Writes c = a bᵀ for long rows; `turned` holds STRETCH rows of stride_of(columns), where that is worth it.
static void multiply_rows_by_rows(const RowProduct& p, real* turned) {
    if (worth_turning(p.rows, p.columns)) {
        const int64_t stride = stride_of(p.columns);
        for (int64_t first = 0; first < p.depth; first += STRETCH) {
            const int64_t depth = std::min(STRETCH, p.depth - first);
            transpose(filled(p.columns), depth, p.b + first, p.b_stride, turned, stride,
                      p.columns);
            multiply({p.rows, filled(p.columns) / LANES, depth, {p.a + first, p.a_stride, 1}, turned, stride, p.c,
                      p.c_stride, nullptr, first > 0});
        }
        return;
    }
    for (int64_t first = 0; first < p.depth; first += STRETCH)
        for (int64_t column = 0; column < p.columns; column += TILE_COLUMNS)
            for (int64_t row = 0; row < p.rows; row += TILE_ROWS) row_tile(p, row, column, first);
}
