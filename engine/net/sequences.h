// Sequences (units, steps × rows): how examples become them, and how a model gets out of them again.
#pragma once
#include <algorithm>

#include "vectors.h"

struct Steps {
    int64_t steps, rows, stride;  // of a value (units, steps × rows)
};

// Examples (channels, steps, columns), laid flat and each number over a row of `from`, as steps of channels × columns.
static void to_steps(const Steps& s, int64_t channels, int64_t columns, const real* from, int64_t from_stride, real* to) {
    for (int64_t channel = 0; channel < channels; channel++)
        for (int64_t step = 0; step < s.steps; step++)
            for (int64_t column = 0; column < columns; column++, from += from_stride)
                std::copy_n(from, s.rows, to + (channel * columns + column) * s.stride + step * s.rows);
}

// Copies the last step (units, rows).
static void last_step(const Steps& s, int64_t units, const real* from, real* to, int64_t to_stride) {
    for (int64_t unit = 0; unit < units; unit++)
        std::copy_n(from + unit * s.stride + (s.steps - 1) * s.rows, s.rows, to + unit * to_stride);
}

// Adds the slope of the last step to that of all.
static void add_last_step(const Steps& s, int64_t units, const real* from, int64_t from_stride, real* to) {
    to += (s.steps - 1) * s.rows;
    for (int64_t unit = 0; unit < units; unit++, from += from_stride, to += s.stride)
        for (int64_t row = 0; row < s.rows; row += LANES) store(to + row, load(to + row) + load(from + row));
}

// A table (tokens, width), its rows filled up to whole vectors, and the tokens (steps, rows) that are looked up in it.
struct Lookup {
    const real* tokens;
    int64_t tokens_stride, width;
    int64_t place(int64_t step, int64_t row) const {  // in the table
        return int64_t(tokens[step * tokens_stride + row]) * filled(width);
    }
};

// Writes the tokens' rows of `table` as steps of `width` units.
static void look_up(const Steps& s, const Lookup& lookup, const real* table, real* out) {
    for (int64_t step = 0; step < s.steps; step++)
        for (int64_t row = 0; row < s.rows; row += LANES)
            for (int64_t unit = 0; unit < lookup.width; unit += LANES) {
                Vec v[LANES];
                for (int l = 0; l < LANES; l++) v[l] = load(table + lookup.place(step, row + l) + unit);
                turn(v);
                for (int l = 0; l < LANES; l++) store(out + (unit + l) * s.stride + step * s.rows + row, v[l]);
            }
}

// Adds the slope of every step to its token's row of `gradient`, in the order of steps and rows.
static void add_to_rows(const Steps& s, const Lookup& lookup, const real* slope, real* gradient) {
    for (int64_t step = 0; step < s.steps; step++)
        for (int64_t row = 0; row < s.rows; row += LANES)
            for (int64_t unit = 0; unit < lookup.width; unit += LANES) {
                const int64_t there = std::min<int64_t>(lookup.width - unit, LANES);
                Vec v[LANES] = {};
                for (int l = 0; l < there; l++) v[l] = load(slope + (unit + l) * s.stride + step * s.rows + row);
                turn(v);
                for (int l = 0; l < LANES; l++) {
                    real* at = gradient + lookup.place(step, row + l) + unit;
                    store(at, load(at) + v[l]);
                }
            }
}
