"""The same models as a user of JAX would train them: all seeds of a width by vmap, many steps a call, jitted."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from engine.data.load import load
from engine.net.initial import initial_values
from engine.spec.count import count
from engine.spec.run import RunSpec
from engine.spec.task import grid_dims

Parameters = dict[str, jax.Array]


def seconds_a_step(runs: Sequence[RunSpec], least: float) -> float:
    """Return the mean seconds of one step of all `runs`, of one shape, once compiled; measured for `least` seconds."""
    run = runs[0]
    data = [load(one).train for one in runs]
    x = jnp.asarray(np.stack([split.x for split in data]), dtype=jnp.int32 if run.task.tokens else jnp.float32)
    y = jnp.asarray(np.stack([split.y for split in data]))
    stacked = [parameters(one) for one in runs]
    weights = {name: jnp.stack([each[name] for each in stacked]) for name in stacked[0]}
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, zeros, zeros, jnp.zeros(len(runs)), jax.vmap(jax.random.key)(jnp.arange(len(runs))))
    train = jax.jit(jax.vmap(partial(_steps, run), in_axes=(0, 0, 0, None)), static_argnums=3)

    def seconds(steps: int) -> float:
        nonlocal state
        start = time.perf_counter()
        state = jax.block_until_ready(train(state, x, y, steps))
        return time.perf_counter() - start

    seconds(1)  # compiles
    chunk = max(1, min(64, int(least / seconds(1))))
    seconds(chunk)  # compiles
    steps, took = 0, 0.0
    while took < least:
        took += seconds(chunk)
        steps += chunk
    return took / steps


def parameters(run: RunSpec) -> Parameters:
    """Return the initial values of one model by name."""
    values = zip(count(run).parameters, initial_values(run), strict=True)
    return {declared.name: jnp.asarray(value, dtype=jnp.float32) for declared, value in values}


def forward(run: RunSpec, weights: Parameters, x: jax.Array) -> jax.Array:
    """Return the logits (batch, classes) of x (batch, inputs) of one model, all options at their defaults."""
    return {"mlp": _mlp, "cnn": _cnn, "gru": _gru, "transformer": _transformer}[run.arch](run, weights, x)


def _steps(run: RunSpec, state: Any, x: jax.Array, y: jax.Array, steps: int) -> Any:
    """Take `steps` steps of Adam. Source: arXiv:1412.6980, §2."""

    def loss(weights: Parameters, rows: jax.Array) -> jax.Array:
        shares = jax.nn.log_softmax(forward(run, weights, x[rows]))
        return -jnp.take_along_axis(shares, y[rows][:, None], axis=1).mean()

    def step(state: Any, _: None) -> Any:
        weights, mean, square, taken, key = state
        key, drawn = jax.random.split(key)
        grads = jax.grad(loss)(weights, jax.random.randint(drawn, (run.batch,), 0, len(x)))
        taken = taken + 1
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, grads)
        rate, root = run.lr / (1 - 0.9**taken), jnp.sqrt(1 - 0.999**taken)
        updated = jax.tree.map(lambda w, m, s: w - rate * m / (jnp.sqrt(s) / root + 1e-8), weights, mean, square)
        return (updated, mean, square, taken, key), None

    return lax.scan(step, state, length=steps)[0]


def _linear(weights: Parameters, name: str, x: jax.Array) -> jax.Array:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _mlp(run: RunSpec, weights: Parameters, x: jax.Array) -> jax.Array:
    for layer in range(run.depth):
        x = jax.nn.relu(_linear(weights, f"hidden{layer}", x))
    return _linear(weights, "out", x)


def _cnn(run: RunSpec, weights: Parameters, x: jax.Array) -> jax.Array:
    x = x.reshape(-1, *grid_dims(run.task))
    sides = x.ndim - 2
    for block in range(run.depth):
        if block and min(x.shape[2:]) >= 4:
            halves = (1, 1, *(2,) * sides)
            x = lax.reduce_window(x, -jnp.inf, lax.max, halves, halves, "VALID")
        name = f"block{block}.convolution"
        x = lax.conv_general_dilated(x, weights[f"{name}.weight"], (1,) * sides, "SAME")
        x = jax.nn.relu(x + weights[f"{name}.bias"].reshape(-1, *(1,) * sides))
    return _linear(weights, "out", x.mean(axis=tuple(range(2, x.ndim))))


def _gru(run: RunSpec, weights: Parameters, x: jax.Array) -> jax.Array:
    x = weights["embedding.weight"][x]
    for layer in range(run.depth):
        of_input, of_state, input_bias, state_bias = (
            weights[f"layer{layer}.{array}"] for array in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        x = _states(run, (x @ of_input.T + input_bias).swapaxes(0, 1), of_state, state_bias)
    return _linear(weights, "out", x[:, -1])


def _states(run: RunSpec, inputs: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
    def step(state: jax.Array, given: jax.Array) -> tuple[jax.Array, jax.Array]:
        own = state @ weight.T + bias
        reset, update, new = jnp.split(given, 3, axis=1)
        own_reset, own_update, own_new = jnp.split(own, 3, axis=1)
        update = jax.nn.sigmoid(update + own_update)
        new = jnp.tanh(new + jax.nn.sigmoid(reset + own_reset) * own_new)
        state = (1 - update) * new + update * state
        return state, state

    return lax.scan(step, jnp.zeros((inputs.shape[1], run.width)), inputs)[1].swapaxes(0, 1)


def _transformer(run: RunSpec, weights: Parameters, x: jax.Array) -> jax.Array:
    heads = math.gcd(int(dict(run.options)["heads"]), run.width)
    norm: Callable[[str, jax.Array], jax.Array] = partial(_norm, weights)
    x = weights["embedding.weight"][x] + weights["positions.weight"]
    for block in range(run.depth):
        name = f"block{block}"
        queries, keys, values = (
            part.reshape(*part.shape[:2], heads, -1)
            for part in jnp.split(_linear(weights, f"{name}.attend", norm(f"{name}.norm1", x)), 3, axis=2)
        )
        attended = jax.nn.dot_product_attention(queries, keys, values, is_causal=True)
        x = x + _linear(weights, f"{name}.attended", attended.reshape(x.shape))
        wide = jax.nn.gelu(_linear(weights, f"{name}.widen", norm(f"{name}.norm2", x)), approximate=False)
        x = x + _linear(weights, f"{name}.narrow", wide)
    return _linear(weights, "out", norm("norm", x).mean(axis=1))


def _norm(weights: Parameters, name: str, x: jax.Array) -> jax.Array:
    standard = (x - x.mean(axis=-1, keepdims=True)) * lax.rsqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return standard * weights[f"{name}.weight"] + weights[f"{name}.bias"]
