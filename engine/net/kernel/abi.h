// What C++ and Python both write down, as lines "name = value" that abi.py compares when it loads the kernel: numbers,
// the layout of what Python hands over, and what calls take. A line that only one of the two has is a difference too.
#pragma once
#include <cstddef>
#include <cstdio>
#include <string>
#include <type_traits>

#include "attention.h"
#include "layer_norm.h"
#include "losses.h"
#include "order.h"
#include "product.h"
#include "recurrent.h"
#include "tape.h"

static_assert(PAD % LANES == 0 && BLOCK % PAD == 0, "lengths are filled up to whole vectors");

template <typename T>
static const char* family() {
    if (std::is_class_v<T>) return "structure";
    if (std::is_array_v<T>) return "array";
    if (std::is_pointer_v<T>) return "pointer";
    return std::is_floating_point_v<T> ? "real" : std::is_signed_v<T> ? "integer" : "unsigned";
}

struct Lines {
    std::string text;

    void line(const std::string& name, const std::string& value) { text += name + " = " + value + "\n"; }
    void number(const std::string& name, double number) {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%.17g", number);
        line(name, digits);
    }
    template <typename T>
    void field(const char* name, size_t offset) {
        line(name, std::to_string(offset) + ": " + std::to_string(sizeof(T)) + " bytes, " + family<T>());
    }
    template <typename... Arguments>
    void call(const char* name, void (*)(Arguments...)) {
        std::string families;
        ((families += families.empty() ? family<Arguments>() : std::string(" ") + family<Arguments>()), ...);
        line(name, families);
    }
};

#define NUMBER(NAME) lines.number(#NAME, double(NAME))
#define SIZE(TYPE) lines.number("sizeof " #TYPE, sizeof(TYPE))
#define FIELD(TYPE, NAME) lines.field<decltype(TYPE::NAME)>(#TYPE "." #NAME, offsetof(TYPE, NAME))

static void note_numbers(Lines& lines) {
    lines.number("real", sizeof(real));
    NUMBER(PAD), NUMBER(BLOCK), NUMBER(GRADIENT), NUMBER(MOST_ROWS), NUMBER(STRETCH), NUMBER(MOST_EDGE);
    NUMBER(NEAR_PARTS), NUMBER(GRU_GATES), NUMBER(GRU_PARTS), NUMBER(LSTM_GATES), NUMBER(LSTM_PARTS);
    NUMBER(NORM_PARTS), NUMBER(SKIPS_FORWARD), NUMBER(SKIPS_BACKWARD), NUMBER(MEASURED), NUMBER(COUNTED);
    NUMBER(DROPOUT), NUMBER(ADAM_EPS), NUMBER(CLIP_EPS), NUMBER(NORM_EPS), NUMBER(NORM_MOMENTUM);
    for (int64_t length : {1, 16, 17, 127, 128, 129, 144, 145, 1000})
        lines.number("stride_of(" + std::to_string(length) + ")", double(stride_of(length)));
    lines.number("loss cross-entropy", CROSS_ENTROPY);
    lines.number("loss mse", MSE);
    lines.number("loss hinge", HINGE);
}

static void note_tape(Lines& lines) {
    SIZE(Value), FIELD(Value, units), FIELD(Value, places), FIELD(Value, stride), FIELD(Value, at);
    FIELD(Value, grad);
    SIZE(Parameter), FIELD(Parameter, at), FIELD(Parameter, stride);
    SIZE(Operation), FIELD(Operation, kind), FIELD(Operation, input), FIELD(Operation, other);
    FIELD(Operation, output), FIELD(Operation, input_adds), FIELD(Operation, other_adds);
    FIELD(Operation, positive), FIELD(Operation, gated), FIELD(Operation, skipped), FIELD(Operation, kept);
    FIELD(Operation, details), FIELD(Operation, parameters);
    SIZE(Tape), FIELD(Tape, operations), FIELD(Tape, count), FIELD(Tape, values), FIELD(Tape, input_stride);
}

static void note_models(Lines& lines) {
    SIZE(Model), FIELD(Model, numbers), FIELD(Model, mean), FIELD(Model, square), FIELD(Model, running);
    FIELD(Model, x), FIELD(Model, y), FIELD(Model, squares), FIELD(Model, weight_decay), FIELD(Model, l1);
    FIELD(Model, l2), FIELD(Model, clip), FIELD(Model, label_smoothing), FIELD(Model, momentum);
    FIELD(Model, beta1), FIELD(Model, beta2), FIELD(Model, dropout), FIELD(Model, seed);
    FIELD(Model, training), FIELD(Model, evaluation);
    SIZE(Bucket), FIELD(Bucket, models), FIELD(Bucket, batch), FIELD(Bucket, inputs), FIELD(Bucket, outputs);
    FIELD(Bucket, labels), FIELD(Bucket, loss), FIELD(Bucket, adamw), FIELD(Bucket, numbers);
    FIELD(Bucket, space), FIELD(Bucket, scratch), FIELD(Bucket, input), FIELD(Bucket, turned);
    FIELD(Bucket, answers), FIELD(Bucket, gradient), FIELD(Bucket, whole);
    SIZE(Split), FIELD(Split, blocks), FIELD(Split, y), FIELD(Split, moved), FIELD(Split, count);
    SIZE(Philox), FIELD(Philox, key), FIELD(Philox, counter), FIELD(Philox, numbers), FIELD(Philox, used);
    SIZE(Order), FIELD(Order, random), FIELD(Order, epoch), FIELD(Order, size), FIELD(Order, taken);
    FIELD(Order, began);
}
