// What Python hands over, as structures.py has it: a tape of operations, models, and a bucket of them.
#pragma once
#include <cstdint>

#include "vectors.h"

constexpr int64_t BLOCK = 64;       // rows evaluated at a time
constexpr int64_t GRADIENT = 4096;  // numbers of a gradient that are made and used up at a time

constexpr int64_t SKIPS_FORWARD = 1, SKIPS_BACKWARD = 2;  // bits of Operation::skipped: others do it
constexpr int64_t MEASURED = 4, COUNTED = 2;  // numbers of a model that measure() writes, and of a class

enum Loss : int64_t { CROSS_ENTROPY, MSE, HINGE };

// Numbers (units, places · rows) in the workspace: the rows of one place, filled up, lie beside those of the next.
struct Value {
    int64_t units, places, stride;
    int64_t at, grad;  // where it and its grad begin; −1 for the examples, and for a grad that nobody asks for
};

struct Parameter {
    int64_t at, stride;  // among a model's numbers, and how far apart its rows are
};

struct Operation {
    int64_t kind;
    int64_t input, other, output;    // places among the values; other: the second of two inputs
    int64_t input_adds, other_adds;  // whether its grad comes on top of what a later use has written
    int64_t positive, gated;         // whether it does the ReLU that comes next, or the grad of the one before
    int64_t skipped;                 // SKIPS_FORWARD, SKIPS_BACKWARD, or both
    int64_t kept;                    // where in the workspace lies what backward needs besides; −1 in evaluation
    int64_t details[5];              // what else the kind wants to know
    Parameter parameters[4];
};

struct Tape {
    const Operation* operations;
    int64_t count;
    const Value* values;
    int64_t input_stride;  // of the examples
};

struct Model {
    real *numbers, *mean, *square;  // weights and the optimizer's moments (SGD: mean is the velocity)
    real* running;                  // statistics that no gradient changes
    const real* x;                  // training examples (n, filled inputs)
    const real* y;                  // their labels (n, labels)
    double* squares;                // of the gradient, summed over all numbers
    double weight_decay, l1, l2, clip, label_smoothing, momentum, beta1, beta2, dropout;
    int64_t seed;
    Tape training, evaluation;
};

struct Bucket {
    int64_t models, batch, inputs, outputs, labels;  // labels: one class number, or a number for each output
    int64_t loss, adamw;
    int64_t numbers;       // of a model
    real *space, *scratch; // the workspace of values and grads; what one operation needs while it works
    real *input, *turned;  // the batch as (batch, stride of inputs) and as (inputs, stride of the tape)
    real* answers;         // its labels as (labels, stride)
    real* gradient;        // GRADIENT or one panel
    real* whole;           // the gradient of all numbers
};

struct Rates;

// A model at work on some rows.
struct Pass {
    const Bucket& bucket;
    const Model& model;
    const Tape& tape;
    const real* input;   // (inputs, the tape's input_stride)
    int64_t stride;      // of values with one place, as the outputs are
    int64_t rows;        // filled up
    int64_t step;        // 0 in evaluation
    const Rates* rates;  // null in evaluation

    const Value& value(int64_t number) const { return tape.values[number]; }
    int64_t columns(const Value& v) const { return v.places * rows; }
    const real* at(const Value& v) const { return v.at < 0 ? input : bucket.space + v.at; }
    real* out(const Value& v) const { return bucket.space + v.at; }
    real* grad(const Value& v) const { return v.grad < 0 ? nullptr : bucket.space + v.grad; }
    real* kept(const Operation& op) const { return op.kept < 0 ? nullptr : bucket.space + op.kept; }
    const real* parameter(const Operation& op, int i) const { return model.numbers + op.parameters[i].at; }
};

// Writes a grad, or adds it to what a later use of the value has written.
static inline void put(real* at, Vec grad, bool adds) { store(at, adds ? load(at) + grad : grad); }
