// Arithmetic on vectors of the processor that compiles this: matrix products, transposing, functions of a vector.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

using real = REAL;
using integer = std::conditional_t<sizeof(real) == 4, int32_t, int64_t>;

#if defined(__AVX512F__)
constexpr int BYTES = 64, MOST_COLUMNS = 4;  // 24 of 32 registers hold sums
#elif defined(__AVX__)
constexpr int BYTES = 32, MOST_COLUMNS = 2;  // 12 of 16
#else
constexpr int BYTES = 16, MOST_COLUMNS = 2;
#endif
constexpr int MOST_ROWS = 6, LANES = BYTES / sizeof(real);
constexpr int64_t PAD = 16;             // lengths are filled up to this: whole vectors on every machine
constexpr int64_t NEAR = 24 * 1024;     // bytes of B that stay in the first cache

typedef real Vec __attribute__((vector_size(BYTES)));
typedef integer Ints __attribute__((vector_size(BYTES)));
typedef real Loose __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

static inline Vec load(const real* p) { return *reinterpret_cast<const Loose*>(p); }
static inline void store(real* p, Vec v) { *reinterpret_cast<Loose*>(p) = v; }
static inline Vec all(real x) { return Vec{} + x; }

static int64_t filled(int64_t n) { return (n + PAD - 1) / PAD * PAD; }

// A power of two as a stride would put all rows into the same few places of the cache.
static int64_t stride_of(int64_t n) { return filled(n) + (n >= 128 && filled(n) / PAD % 2 == 0 ? PAD : 0); }

// ---- matrix product ----

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

// ---- transposing ----

// The numbers of a and b, laid end to end, at `places`.
static inline Vec pick(Vec a, Vec b, Ints places) {
#ifdef __clang__
    Vec picked{};
    for (int l = 0; l < LANES; l++) picked[l] = places[l] < LANES ? a[places[l]] : b[places[l] - LANES];
    return picked;
#else
    return __builtin_shuffle(a, b, places);
#endif
}

static inline Vec interleave(Vec a, Vec b, int from) {
    Ints places{};
    for (int l = 0; l < LANES; l++) places[l] = from + l / 2 + (l % 2) * LANES;
    return pick(a, b, places);
}

// LANES vectors as a square: interleaving its halves log2(LANES) times turns it over.
static inline void turn(Vec* v) {
    for (int width = 1; width < LANES; width *= 2) {
        Vec mixed[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            mixed[2 * i] = interleave(v[i], v[i + LANES / 2], 0);
            mixed[2 * i + 1] = interleave(v[i], v[i + LANES / 2], LANES / 2);
        }
        for (int i = 0; i < LANES; i++) v[i] = mixed[i];
    }
}

// Writes b = aᵀ; both sides of a are filled up to PAD.
static void transpose(int64_t rows, int64_t columns, const real* a, int64_t a_stride, real* b, int64_t b_stride) {
    for (int64_t i = 0; i < rows; i += LANES)
        for (int64_t j = 0; j < columns; j += LANES) {
            Vec v[LANES];
            for (int l = 0; l < LANES; l++) v[l] = load(a + (i + l) * a_stride + j);
            turn(v);
            for (int l = 0; l < LANES; l++) store(b + (j + l) * b_stride + i, v[l]);
        }
}

// ---- functions of vectors ----

struct Power {
    Vec scale, rest;  // e^x = scale (1 + rest)
};

// x = n ln 2 + r with |r| ≤ ln 2 / 2; e^r − 1 by its Taylor series to r^7, below 6e-9. Not-a-number stays so.
static inline Power power(Vec x) {
    x = x < all(-87) ? all(-87) : x;
    x = x > all(88) ? all(88) : x;
    const Vec shift = all(12582912);  // 1.5 · 2^23: adding it rounds to whole numbers
    const Vec n = (x * real(1.44269504088896341) + shift) - shift;
    const Vec r = (x - n * real(0.693359375)) - n * real(-2.12194440e-4);  // ln 2 in two parts, the first exact
    Vec series = all(1.0 / 5040);
    for (double factor : {1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0}) series = series * r + real(factor);
    const Ints exponent = __builtin_convertvector(n, Ints);
    return {reinterpret_cast<Vec>((exponent + 127) << 23), series * r};
}

static inline Vec exponential(Vec x) {
    if constexpr (sizeof(real) == 8) {
        for (int l = 0; l < LANES; l++) x[l] = std::exp(x[l]);
        return x;
    }
    const Power p = power(x);
    return p.scale * p.rest + p.scale;
}

static inline Vec hyperbolic_tangent(Vec x) {
    if constexpr (sizeof(real) == 8) {
        for (int l = 0; l < LANES; l++) x[l] = std::tanh(x[l]);
        return x;
    }
    const Vec size = x < 0 ? -x : x;
    const Power p = power((size > all(20) ? all(20) : size) * 2);
    const Vec less_one = p.scale * p.rest + (p.scale - 1);  // e^2|x| − 1, exact for small x
    const Vec tangent = less_one / (less_one + 2);
    return x < 0 ? -tangent : tangent;
}

struct Normal {
    Vec share, density;  // of the standard normal distribution: Φ(x) and φ(x)
};

// erfc(u) = t P(t) e^−u² with t = 1 / (1 + u/2); P is a least-squares fit, right to 3e-10. u = |x| / √2.
static inline Normal normal(Vec x) {
    const real root = 0.39894228040143268;  // 1 / √(2π)
    const Vec bell = exponential(x * x * real(-0.5));
    if constexpr (sizeof(real) == 8) {
        Vec share{};
        for (int l = 0; l < LANES; l++) share[l] = 0.5 * std::erfc(-x[l] * 0.70710678118654752);
        return {share, bell * root};
    }
    const Vec t = 1 / (1 + (x < 0 ? -x : x) * real(0.35355339059327376));
    Vec series = all(-0.05132774108);
    for (double factor : {0.3416352486, -0.8814372365, 0.9797381069, -0.3525289027, 0.4333676741, 0.2453261586, 0.2852266923}) series = series * t + real(factor);
    const Vec half = series * t * bell * real(0.5);
    return {x < 0 ? half : 1 - half, bell * root};
}
