// What Python hands over, in the order of kernel.py: a tape of operations, models, and a bucket of them.
#pragma once
#include <cstdint>

#include "vectors.h"

constexpr int64_t BLOCK = 64;       // rows evaluated at a time
constexpr int64_t GRADIENT = 4096;  // numbers of a gradient that are made and used up at a time

enum Kind : int64_t { LINEAR, RELU, GELU, TANH, SIGMOID, QUADRATIC, DROPOUT };

enum Loss : int64_t { CROSS_ENTROPY, MSE, HINGE };

struct Operation {
    int64_t kind, fan_in, units;
    int64_t weight, bias, weight_stride;  // places in a model's numbers; weights are (units, weight_stride)
    int64_t value, slope;                 // rows of the workspace: the result, and its derivative where kept
    int64_t site;                         // which dropout of the model
};

struct Tape {
    const Operation* operations;
    int64_t count;
};

struct Model {
    real *numbers, *mean, *square;  // weights and the optimizer's moments (SGD: mean is the velocity)
    const real* x;                  // training examples (n, filled inputs)
    const real* y;                  // their labels (n, labels)
    double* squares;                // of the gradient, summed over all numbers
    double weight_decay, l1, l2, clip, smoothing, momentum, beta1, beta2, dropout;
    int64_t seed;
    Tape training, evaluation;
};

struct Bucket {
    int64_t models, batch, inputs, outputs, labels;  // labels: one class number, or a number for each output
    int64_t loss, adamw;
    int64_t widest, numbers;      // rows of the widest layer; numbers of a model
    real *values, *slopes;        // workspace in training: (rows, stride) and two of (widest, stride)
    real *input, *turned;         // the batch as (batch, stride of inputs) and as (inputs, stride)
    real* answers;                // its labels as (labels, stride)
    real *transposed, *gradient;  // scratch of one layer: (batch, stride of its units), GRADIENT or one panel
    real* whole;                  // the gradient of all numbers, where it is made at once
    real* evaluated;              // workspace in evaluation: (rows, stride of BLOCK)
};

// A model at work on some rows.
struct Pass {
    const Bucket& bucket;
    const Model& model;
    const Tape& tape;
    real* values;       // (rows of the workspace, stride)
    const real* input;  // (inputs, stride)
    int64_t stride;
    int64_t rows;  // filled up
    int64_t step;  // 0 in evaluation
};
