// Matrix products: numbers of A, each spread over a vector, times vectors of B.
#pragma once
#include <cstdint>

#include "vectors.h"

constexpr int MOST_ROWS = 6, MOST_COLUMNS = BYTES == 64 ? 4 : 2;  // 24 of 32 registers hold sums, or 12 of 16
constexpr int64_t NEAR = 24 * 1024;                               // bytes of B that stay in the first cache

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
    const real* bias;  // one per row, or none
};

template <int ROWS, int COLUMNS>
static void tile(const Product& p, int64_t row, int64_t column) {
    Vec sum[ROWS][COLUMNS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) sum[i][j] = all(p.bias ? p.bias[row + i] : 0);
    const real *a = p.a.at + row * p.a.row, *b = p.b + column * LANES;
    const int64_t a_row = p.a.row, a_column = p.a.column, b_stride = p.b_stride;
    for (int64_t k = p.depth; k > 0; k--, a += a_column, b += b_stride) {
        Vec factor[COLUMNS];
        for (int j = 0; j < COLUMNS; j++) factor[j] = load(b + j * LANES);
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++) sum[i][j] += a[i * a_row] * factor[j];
    }
    real* c = p.c + row * p.c_stride + column * LANES;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) store(c + i * p.c_stride + j * LANES, sum[i][j]);
}

using TileFunction = void (*)(const Product&, int64_t, int64_t);

template <int ROWS>
static TileFunction tile_of_rows(int64_t columns) {
    if constexpr (MOST_COLUMNS == 4) {
        if (columns == 4) return tile<ROWS, 4>;
        if (columns == 3) return tile<ROWS, 3>;
    }
    return columns == 2 ? tile<ROWS, 2> : tile<ROWS, 1>;
}

static TileFunction tile_of(int64_t rows, int64_t columns) {
    switch (rows) {
        case 1: return tile_of_rows<1>(columns);
        case 2: return tile_of_rows<2>(columns);
        case 3: return tile_of_rows<3>(columns);
        case 4: return tile_of_rows<4>(columns);
        case 5: return tile_of_rows<5>(columns);
        default: return tile_of_rows<6>(columns);
    }
}

// Cuts a length into parts of nearly the same size: one row left over would wait for its own sums.
struct Parts {
    int64_t length, count;
    Parts(int64_t n, int64_t most) : length(n), count((n + most - 1) / most) {}
    int64_t start(int64_t part) const { return length * part / count; }
    int64_t size(int64_t part) const { return start(part + 1) - start(part); }
};

static void multiply(const Product& p) {
    const Parts rows(p.rows, MOST_ROWS), columns(p.vectors, MOST_COLUMNS);
    auto one = [&](int64_t i, int64_t j) { tile_of(rows.size(i), columns.size(j))(p, rows.start(i), columns.start(j)); };
    if (p.depth * MOST_COLUMNS * BYTES <= NEAR) {
        for (int64_t j = 0; j < columns.count; j++)
            for (int64_t i = 0; i < rows.count; i++) one(i, j);
    } else {  // rather keep a panel of A near
        for (int64_t i = 0; i < rows.count; i++)
            for (int64_t j = 0; j < columns.count; j++) one(i, j);
    }
}
