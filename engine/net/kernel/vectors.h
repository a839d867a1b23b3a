// Arithmetic on vectors of the processor that compiles this: loading, turning, summing, functions of a vector.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

using real = REAL;
using integer = std::conditional_t<sizeof(real) == 4, int32_t, int64_t>;

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif
constexpr int LANES = BYTES / sizeof(real);
constexpr int64_t PAD = 16;             // lengths are filled up to this: whole vectors on every machine

typedef real Vec __attribute__((vector_size(BYTES)));
typedef integer Ints __attribute__((vector_size(BYTES)));
typedef real Loose __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

static inline Vec load(const real* p) { return *reinterpret_cast<const Loose*>(p); }
static inline void store(real* p, Vec v) { *reinterpret_cast<Loose*>(p) = v; }
// A vector that stays in a register: left to themselves, compilers load it again for each product.
static inline Vec held(Vec x) {
#if defined(__x86_64__)
    asm("" : "+v"(x));
#endif
    return x;
}
static inline Vec all(real x) { return Vec{} + x; }

static int64_t filled(int64_t n) { return (n + PAD - 1) / PAD * PAD; }

// A power of two as a stride would put all rows into the same few places of the cache.
static int64_t stride_of(int64_t n) { return filled(n) + (n >= 128 && filled(n) / PAD % 2 == 0 ? PAD : 0); }

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

// LANES vectors as a square, turned over in place: squares of 2 · HALF swap their corners, down to single numbers.
template <int HALF = LANES / 2>
static inline void turn(Vec* v) {
    if constexpr (HALF > 0) {
        Ints upper{}, lower{};
        for (int l = 0; l < LANES; l++) {
            upper[l] = l & HALF ? LANES + l - HALF : l;
            lower[l] = l & HALF ? LANES + l : l + HALF;
        }
        for (int i = 0; i < LANES; i++)
            if (!(i & HALF)) {
                const Vec a = v[i], b = v[i + HALF];
                v[i] = pick(a, b, upper);
                v[i + HALF] = pick(a, b, lower);
            }
        turn<HALF / 2>(v);
    }
}

// Writes b = aᵀ for whole vectors of rows and columns; of the rows, the first `there` are read, the rest are zeros.
static void transpose(int64_t rows, int64_t columns, const real* a, int64_t a_stride, real* b, int64_t b_stride,
                      int64_t there) {
    for (int64_t i = 0; i < rows; i += LANES)
        for (int64_t j = 0; j < columns; j += LANES) {
            Vec v[LANES];
            for (int l = 0; l < LANES; l++) v[l] = i + l < there ? load(a + (i + l) * a_stride + j) : Vec{};
            turn(v);
            for (int l = 0; l < LANES; l++) store(b + (j + l) * b_stride + i, v[l]);
        }
}

// ---- summing ----

// Each group of 2 · HALF lanes: the two halves of a's group added, then those of b's.
template <int HALF>
static inline Vec fold(Vec a, Vec b) {
    Ints first{}, second{};
    for (int l = 0; l < LANES; l++) {
        const int from = l / (2 * HALF) * (2 * HALF) + l % HALF + (l % (2 * HALF) < HALF ? 0 : LANES);
        first[l] = from;
        second[l] = from + HALF;
    }
    return pick(a, b, first) + pick(a, b, second);
}

// The sum of the lanes of v[i] in lane i, for LANES vectors at once.
template <int HALF = LANES / 2>
static inline Vec sums_of(Vec* v) {
    if constexpr (HALF > 0) {
        for (int i = 0; i < HALF; i++) v[i] = fold<HALF>(v[i], v[i + HALF]);
        return sums_of<HALF / 2>(v);
    }
    return v[0];
}

// Writes the sum of each of `units` rows of a to `out`, and zeros up to PAD.
static void sum_rows(int64_t units, int64_t length, const real* a, int64_t stride, real* out) {
    for (int64_t first = 0; first < filled(units); first += LANES) {
        Vec v[LANES];
        for (int l = 0; l < LANES; l++) {
            v[l] = Vec{};
            if (first + l >= units) continue;
            const real* row = a + (first + l) * stride;
            v[l] = load(row);
            for (int64_t at = LANES; at < length; at += LANES) v[l] += load(row + at);
        }
        store(out + first, sums_of(v));
    }
}

// Sums in float64, however short the numbers are.
struct Sum {
    double parts[LANES] = {};

    void add(Vec v) {
        real numbers[LANES];
        store(numbers, v);
        for (int l = 0; l < LANES; l++) parts[l] += double(numbers[l]);
    }

    void add_square(Vec v) {
        real numbers[LANES];
        store(numbers, v);
        for (int l = 0; l < LANES; l++) parts[l] += double(numbers[l]) * double(numbers[l]);
    }

    double total() const {
        double sum = 0;
        for (double part : parts) sum += part;
        return sum;
    }
};

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

static inline Vec logistic(Vec x) {  // 1 / (1 + e^−x)
    const Vec e = exponential(x < 0 ? x : -x), share = 1 / (1 + e);
    return x < 0 ? e * share : share;
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
