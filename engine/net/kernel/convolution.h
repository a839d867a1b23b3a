// Convolutions of 3 places a side over a grid of height × width, and pooling: details are height, width, taps a column.
//
// With rows last, a tap at one place is a stretch of rows at a neighbour: nothing is laid out anew, and taps that fall
// off the grid are left out rather than multiplied by zero. A signal is a grid of one line, its filters one line of 3.
#pragma once
#include <algorithm>

#include "linear.h"
#include "optimizer.h"
#include "product.h"
#include "tape.h"

struct Grid {
    int64_t height, width, lines;  // lines of taps: 3, or 1 for a signal
    int64_t rows;                  // of the batch, filled up

    Grid(const Operation& op, const Pass& pass)
        : height(op.details[0]), width(op.details[1]), lines(op.details[2]), rows(pass.rows) {}
    int64_t taps() const { return 3 * lines; }
    int64_t at(int64_t y, int64_t x) const { return (y * width + x) * rows; }
};

// ---- sums of taps over channels, at every place ----

struct Taps {
    Grid grid;
    int64_t units, channels;  // of the result; those that are summed
    Factor a;                 // the filters, by unit and by channel; a tap is the next number
    bool turned;              // the last tap first, as grads go back
    const real* x;
    int64_t x_stride;
    real* out;
    int64_t out_stride;
    const real* bias;  // one per unit, or none
    bool adds = false;           // to what out holds, rather than write it
    bool positive = false;       // as in Product
    const real* gate = nullptr;
};

template <int UNITS, int COLUMNS>
static void taps_tile(const Taps& t, int64_t unit, int64_t y, int64_t x, int64_t row) {
    const Grid& grid = t.grid;
    real* out = t.out + unit * t.out_stride + grid.at(y, x) + row;
    Vec sum[UNITS][COLUMNS];
    for (int i = 0; i < UNITS; i++)
        for (int j = 0; j < COLUMNS; j++)
            sum[i][j] = t.adds ? load(out + i * t.out_stride + j * LANES) : all(t.bias ? t.bias[unit + i] : 0);
    const int64_t reach = grid.lines / 2, a_row = t.a.row, a_column = t.a.column, x_stride = t.x_stride;
    for (int64_t dy = -std::min(y, reach); dy <= std::min(grid.height - 1 - y, reach); dy++)
        for (int64_t dx = x > 0 ? -1 : 0; dx <= (x + 1 < grid.width ? 1 : 0); dx++) {
            const int64_t tap = (dy + reach) * 3 + dx + 1;
            const real* a = t.a.at + unit * a_row + (t.turned ? grid.taps() - 1 - tap : tap);
            const real* b = t.x + grid.at(y + dy, x + dx) + row;
            for (int64_t channel = t.channels; channel > 0; channel--, a += a_column, b += x_stride) {
                Vec factor[COLUMNS];
                for (int j = 0; j < COLUMNS; j++) factor[j] = load(b + j * LANES);
                for (int i = 0; i < UNITS; i++)
                    for (int j = 0; j < COLUMNS; j++) sum[i][j] += a[i * a_row] * factor[j];
            }
        }
    const real* gate = t.gate ? t.gate + (out - t.out) : nullptr;
    for (int i = 0; i < UNITS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            const int64_t at = i * t.out_stride + j * LANES;
            if (t.positive) sum[i][j] = sum[i][j] < 0 ? Vec{} : sum[i][j];
            if (gate) sum[i][j] = load(gate + at) > 0 ? sum[i][j] : Vec{};
            store(out + at, sum[i][j]);
        }
}

using TapsTile = void (*)(const Taps&, int64_t, int64_t, int64_t, int64_t);

template <int COLUMNS, int... LESS>
static TapsTile taps_tile_of(int64_t units, std::integer_sequence<int, LESS...>) {
    static constexpr TapsTile tiles[] = {taps_tile<LESS + 1, COLUMNS>...};
    return tiles[units - 1];
}

static TapsTile taps_tile_of(int64_t units, int64_t columns) {
    constexpr std::make_integer_sequence<int, most_rows(MOST_COLUMNS)> few{};
    switch (columns) {
        case 1: return taps_tile_of<1>(units, std::make_integer_sequence<int, most_rows(1)>{});
        case 2: return taps_tile_of<2>(units, std::make_integer_sequence<int, most_rows(2)>{});
        case 3: return taps_tile_of<MOST_COLUMNS == 4 ? 3 : 2>(units, few);
        default: return taps_tile_of<MOST_COLUMNS>(units, few);
    }
}

// A panel of filters stays in the first cache while it passes over the grid.
static void sum_taps(const Taps& t) {
    const Parts columns(t.grid.rows / LANES, MOST_COLUMNS), units(t.units, most_rows(columns.size(0)));
    for (int64_t i = 0; i < units.count; i++)
        for (int64_t y = 0; y < t.grid.height; y++)
            for (int64_t x = 0; x < t.grid.width; x++)
                for (int64_t j = 0; j < columns.count; j++)
                    taps_tile_of(units.size(i), columns.size(j))(t, units.start(i), y, x, columns.start(j) * LANES);
}

// ---- the gradient of the filters ----

// Folds vectors that come one by one, and writes their sums one after the other.
struct Folding {
    Vec waiting[LANES + 9];
    int count = 0;
    real* out;

    void add(const Vec* v, int more) {
        for (int i = 0; i < more; i++) waiting[count + i] = v[i];
        count += more;
        while (count >= LANES) fold();
    }
    void fold() {
        for (int i = count; i < LANES; i++) waiting[i] = Vec{};
        store(out, sums_of(waiting));
        out += LANES;
        for (int i = LANES; i < count; i++) waiting[i - LANES] = waiting[i];
        count = std::max(count - LANES, 0);
    }
};

struct Seen {
    const real *x, *grad;  // one channel, and the first of some units
    int64_t grad_stride, x_apart, y_apart;
};

// Adds one place of all UNITS: the grad there times what each tap sees.
template <int UNITS, int TOP, int BOTTOM, int LEFT, int RIGHT>
static inline __attribute__((always_inline)) void see(const Seen& s, int64_t at, Vec (&sum)[UNITS][9]) {
    Vec grad[UNITS];
    for (int u = 0; u < UNITS; u++) grad[u] = load(s.grad + u * s.grad_stride + at);
    for (int dy = TOP; dy <= BOTTOM; dy++)
        for (int dx = LEFT; dx <= RIGHT; dx++) {
            const Vec x = load(s.x + at + dy * s.y_apart + dx * s.x_apart);
            for (int u = 0; u < UNITS; u++) sum[u][(dy + 1) * 3 + dx + 1] += grad[u] * x;
        }
}

template <int UNITS, int TOP, int BOTTOM>
static inline __attribute__((always_inline)) void see_line(const Seen& s, int64_t at, Vec (&sum)[UNITS][9]) {
    const int64_t end = at + s.y_apart - s.x_apart;
    if (at == end) return see<UNITS, TOP, BOTTOM, 0, 0>(s, at, sum);
    see<UNITS, TOP, BOTTOM, 0, 1>(s, at, sum);
    for (at += s.x_apart; at < end; at += s.x_apart) see<UNITS, TOP, BOTTOM, -1, 1>(s, at, sum);
    see<UNITS, TOP, BOTTOM, -1, 0>(s, at, sum);
}

// Adds to each unit's folding the sums of one channel's taps.
template <int UNITS, int LINES>
static void filter_tile(const Grid& grid, const Seen& s, Folding* foldings) {
    Vec sum[UNITS][9] = {};
    for (int64_t row = 0; row < grid.rows; row += LANES) {
        if (LINES == 1 || grid.height == 1) {
            see_line<UNITS, 0, 0>(s, row, sum);
            continue;
        }
        int64_t at = row;
        see_line<UNITS, 0, 1>(s, at, sum);
        const int64_t end = row + (grid.height - 1) * s.y_apart;
        for (at += s.y_apart; at < end; at += s.y_apart) see_line<UNITS, -1, 1>(s, at, sum);
        see_line<UNITS, -1, 0>(s, at, sum);
    }
    for (int u = 0; u < UNITS; u++) foldings[u].add(sum[u] + (LINES == 1 ? 3 : 0), 3 * LINES);
}

struct Filters {
    Grid grid;
    int64_t channels;
    const real* x;
    int64_t x_stride;
    const real* grad;
    int64_t grad_stride;
    real* out;  // (units, out_stride)
    int64_t out_stride;
};

template <int UNITS, int LINES>
static void filters_of(const Filters& f, int64_t unit) {
    const int64_t x_apart = f.grid.rows, y_apart = f.grid.width * x_apart;
    Folding foldings[UNITS];
    for (int u = 0; u < UNITS; u++) foldings[u].out = f.out + (unit + u) * f.out_stride;
    for (int64_t channel = 0; channel < f.channels; channel++)
        filter_tile<UNITS, LINES>(f.grid,
                                  {f.x + channel * f.x_stride, f.grad + unit * f.grad_stride, f.grad_stride, x_apart,
                                   y_apart},
                                  foldings);
    for (Folding& folding : foldings)
        if (folding.count) folding.fold();
}

// Writes the gradient of the filters of some units, each a sum over all places of the grad times what a tap sees.
template <int LINES>
static void sum_filters(const Filters& f, int64_t units) {
    constexpr int MOST = LINES == 3 ? 2 : 4;
    int64_t unit = 0;
    for (; unit + MOST <= units; unit += MOST) filters_of<MOST, LINES>(f, unit);
    for (; unit < units; unit++) filters_of<1, LINES>(f, unit);
}

static void sum_filters(const Filters& f, int64_t units) {
    f.grid.lines == 3 ? sum_filters<3>(f, units) : sum_filters<1>(f, units);
}

// ---- what the tape calls ----

static void convolution_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const Grid grid(op, pass);
    sum_taps({grid, y.units, x.units, {pass.parameter(op, 0), op.parameters[0].stride, grid.taps()}, false, pass.at(x),
              x.stride, pass.out(y), y.stride, op.parameters[1].stride ? pass.parameter(op, 1) : nullptr, false,
              op.positive != 0});
}

static void convolution_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const Grid grid(op, pass);
    const auto [weight, stride] = op.parameters[0];
    if (real* out = pass.grad(x))
        sum_taps({grid, x.units, y.units, {pass.parameter(op, 0), grid.taps(), stride}, true, pass.grad(y), y.stride,
                  out, x.stride, nullptr, op.input_adds != 0, false, op.gated ? pass.at(x) : nullptr});
    sum_filters({grid, x.units, pass.at(x), x.stride, pass.grad(y), y.stride, pass.bucket.whole + weight, stride},
                y.units);
    learned(pass, weight, y.units * stride);
    learn_bias(op, pass);
}

// Every channel by its own filter.
static void depthwise_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    for (int64_t unit = 0; unit < y.units; unit++)
        sum_taps({Grid(op, pass), 1, 1, {pass.parameter(op, 0) + unit * op.parameters[0].stride, 0, 0}, false,
                  pass.at(x) + unit * x.stride, x.stride, pass.out(y) + unit * y.stride, y.stride, nullptr});
}

static void depthwise_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const Grid grid(op, pass);
    const auto [weight, stride] = op.parameters[0];
    for (int64_t unit = 0; unit < y.units; unit++) {
        const real* grad = pass.grad(y) + unit * y.stride;
        if (real* out = pass.grad(x))
            sum_taps({grid, 1, 1, {pass.parameter(op, 0) + unit * stride, 0, 0}, true, grad, y.stride,
                      out + unit * x.stride, x.stride, nullptr, op.input_adds != 0});
        sum_filters({grid, 1, pass.at(x) + unit * x.stride, x.stride, grad, y.stride,
                     pass.bucket.whole + weight + unit * stride, stride},
                    1);
    }
    learned(pass, weight, y.units * stride);
}

// The larger of two; the first where they are equal, and what is not a number wins.
static inline Ints first_wins(Vec a, Vec b) { return (a >= b) | (a != a); }

// The largest of two neighbours along each side; an odd last line or column is left out.
static void pool_forward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const Grid grid(op, pass);
    for (int64_t unit = 0; unit < y.units; unit++) {
        real* out = pass.out(y) + unit * y.stride;
        for (int64_t line = 0; line < std::max<int64_t>(grid.height / 2, 1); line++)
            for (int64_t column = 0; column < grid.width / 2; column++)
                for (int64_t row = 0; row < grid.rows; row += LANES, out += LANES) {
                    const real* from = pass.at(x) + unit * x.stride + grid.at(line * 2, column * 2) + row;
                    const Vec a = load(from), b = load(from + grid.rows);
                    Vec largest = first_wins(a, b) ? a : b;
                    if (grid.lines == 3) {
                        const Vec c = load(from + grid.at(1, 0)), d = load(from + grid.at(1, 1));
                        const Vec lower = first_wins(c, d) ? c : d;
                        largest = first_wins(largest, lower) ? largest : lower;
                    }
                    store(out, largest);
                }
    }
}

// The grad goes to the first of the largest.
static void pool_backward(const Operation& op, const Pass& pass) {
    const Value &x = pass.value(op.input), &y = pass.value(op.output);
    const Grid grid(op, pass);
    const bool adds = op.input_adds != 0;
    for (int64_t unit = 0; unit < y.units; unit++) {
        const real *values = pass.at(x) + unit * x.stride, *grads = pass.grad(y) + unit * y.stride;
        const real* results = pass.at(y) + unit * y.stride;
        real* out = pass.grad(x) + unit * x.stride;
        if (!adds && (grid.width % 2 || (grid.lines == 3 && grid.height % 2)))
            std::fill_n(out, grid.at(grid.height, 0), real(0));
        for (int64_t line = 0; line < std::max<int64_t>(grid.height / 2, 1); line++)
            for (int64_t column = 0; column < grid.width / 2; column++)
                for (int64_t row = 0; row < grid.rows; row += LANES, grads += LANES, results += LANES) {
                    const int64_t at = grid.at(line * 2, column * 2) + row, right = grid.rows, below = grid.at(1, 0);
                    const Vec a = load(values + at), b = load(values + at + right), none{};
                    Vec upper = load(grads), lower{};
                    if (op.gated) upper = load(results) > 0 ? upper : none;
                    if (grid.lines == 3) {
                        const Vec c = load(values + at + below), d = load(values + at + below + right);
                        const Ints wins = first_wins(first_wins(a, b) ? a : b, first_wins(c, d) ? c : d);
                        lower = wins ? none : upper;
                        upper = wins ? upper : none;
                        put(out + at + below, first_wins(c, d) ? lower : none, adds);
                        put(out + at + below + right, first_wins(c, d) ? none : lower, adds);
                    }
                    put(out + at, first_wins(a, b) ? upper : none, adds);
                    put(out + at + right, first_wins(a, b) ? none : upper, adds);
                }
    }
}
