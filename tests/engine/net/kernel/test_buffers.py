"""Memory of a tape: what is there at the same time never overlaps, and what is over makes room."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.net.kernel.buffers import Value, Workspace
from engine.net.kernel.program import TapeNet, tape
from engine.spec import registry
from engine.spec.run import RunSpec

ARCHS = tuple(name for name in registry.names("archs") if tape(RunSpec.of({"arch": name}), True))


def _workspace(run: RunSpec, training: bool) -> Workspace:
    net = TapeNet(spec=run, outputs=run.task.outputs, training=training)
    registry.arch(run.arch).forward(net, Value(units=run.task.inputs))
    return Workspace(lines=net.lines, values=net.values, rows=net.rows, training=training)


@settings(max_examples=150)
@given(
    arch=st.sampled_from(ARCHS),
    own=st.fixed_dictionaries(
        {
            "depth": st.integers(0, 5),
            "width": st.integers(1, 150),
            "batch_size": st.integers(2, 300),
            "dropout": st.sampled_from([0.0, 0.1]),
        }
    ),
    activation=st.sampled_from(["relu", "tanh"]),
    training=st.booleans(),
)
def test_what_is_there_at_the_same_time_does_not_overlap(
    arch: str, own: dict[str, object], activation: str, training: bool
) -> None:
    if "activation" in registry.options(arch, "digits"):
        own = own | {"activation": activation}
    workspace = _workspace(RunSpec.of({"arch": arch, **own}), training)
    for one, other in itertools.combinations(workspace.regions(), 2):
        together = one.first <= other.last and other.first <= one.last
        apart = one.at + one.size <= other.at or other.at + other.size <= one.at
        assert apart or not together
    assert all(0 <= region.at <= workspace.size - region.size for region in workspace.regions())


def test_deep_evaluation_needs_no_more_memory_than_two_layers() -> None:
    shallow, deep = (_workspace(RunSpec(depth=depth, width=64), False) for depth in (2, 9))
    assert deep.size == shallow.size


def test_grads_of_a_deep_network_take_turns() -> None:
    deep = _workspace(RunSpec(depth=9, width=64), True)
    assert deep.size < 12 * 64 * deep.stride(deep.values[2])
