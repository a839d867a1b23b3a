"""Checkpoint files: what is written is read alike or not at all, and trouble with them never stops training."""

import os
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.spec.result import METRICS, EvalPoint
from engine.spec.run import RunSpec
from engine.train import checkpoint as checkpoints
from engine.train.checkpoint import DRAFT_SECONDS, KEPT_SECONDS, Checkpoint, Checkpoints
from engine.train.loop import State

RUNS = tuple(RunSpec(width=3, steps=500, seed=seed) for seed in range(3))
KEYS = tuple(run.key for run in RUNS)


def _checkpoint(runs: Sequence[RunSpec] = RUNS, step: int = 40) -> Checkpoint:
    random = np.random.default_rng(step)
    arrays: dict[str, np.ndarray] = {
        "weights": random.standard_normal((len(runs), 5, 3)).astype(np.float32),
        "running": np.zeros((len(runs), 0), dtype=np.float32),
        "orders": random.integers(0, 2**40, (len(runs), 2)),
    }
    metrics = random.standard_normal((len(runs), 2, len(METRICS)))
    metrics[0, 1, 3], metrics[0, 1, 4] = np.nan, np.inf
    keys = tuple(run.key for run in runs)
    state = State(step=step, arrays=arrays)
    return Checkpoint(
        keys=keys, state=state, steps=(0, step), metrics=metrics, point_seconds=(0.0, 1 / 3), seconds=0.1 + 0.2
    )


def _said(checkpoint: Checkpoint | None) -> object:
    """Return all that a checkpoint says, to the bit."""
    assert checkpoint is not None
    arrays = dict(checkpoint.state.arrays) | {"metrics": checkpoint.metrics}
    rest = (checkpoint.keys, checkpoint.state.step, checkpoint.steps, checkpoint.point_seconds, checkpoint.seconds)
    return rest, {name: (str(a.dtype), a.shape, a.tobytes()) for name, a in arrays.items()}


def _found(home: Path, runs: Sequence[RunSpec] = RUNS) -> list[tuple[tuple[str, ...], int]]:
    """Return the keys of each part, and the step where it goes on; 0 is the start."""
    parts = Checkpoints(home=home, device="cpu").parts(runs)
    return [(tuple(run.key for run in part), found.state.step if found else 0) for part, found in parts]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return the file of a checkpoint."""
    Checkpoints(home=tmp_path, device="cpu").write(RUNS, _checkpoint())
    (path,) = (tmp_path / "checkpoints").iterdir()
    return path


def test_what_is_written_is_read_to_the_bit(tmp_path: Path, kept: Path) -> None:
    ((runs, found),) = Checkpoints(home=tmp_path, device="cpu").parts(RUNS)
    assert runs == RUNS
    assert _said(found) == _said(_checkpoint())
    assert found is not None
    whole = _checkpoint().metrics[1].tolist()
    points = [EvalPoint(key=KEYS[1], step=step, metrics=tuple(whole[i])) for i, step in enumerate((0, 40))]
    assert found.curves()[KEYS[1]] == points


def test_some_runs_of_a_checkpoint_go_on_from_their_own_part_of_it(tmp_path: Path, kept: Path) -> None:
    other = RunSpec(width=3, steps=500, seed=9)
    (_, found), (rest, nothing) = Checkpoints(home=tmp_path, device="cpu").parts([RUNS[2], other, RUNS[0]])
    assert _said(found) == _said(_checkpoint().of([KEYS[0], KEYS[2]]))
    assert found is not None
    assert found.state.arrays["weights"].tobytes() == _checkpoint().state.arrays["weights"][[0, 2]].tobytes()
    assert (rest, nothing) == ((other,), None)


def test_each_run_goes_on_from_the_latest_checkpoint_that_has_it(tmp_path: Path, kept: Path) -> None:
    ours = Checkpoints(home=tmp_path, device="cpu")
    ours.write(RUNS[:1], _checkpoint(RUNS[:1], step=70))
    assert _found(tmp_path) == [(KEYS[:1], 70), (KEYS[1:], 40)]
    ours.write(RUNS, _checkpoint(step=80))
    assert _found(tmp_path) == [(KEYS, 80)]
    assert len(list(kept.parent.iterdir())) == 2


def test_a_checkpoint_stays_while_it_is_the_latest_of_a_run_that_is_wanted(tmp_path: Path, kept: Path) -> None:
    ours = Checkpoints(home=tmp_path, device="cpu")
    ours.write(RUNS[:1], _checkpoint(RUNS[:1], step=70))
    ours.clear(set(KEYS))
    assert _found(tmp_path) == [(KEYS[:1], 70), (KEYS[1:], 40)]
    ours.clear({KEYS[0]})
    assert _found(tmp_path) == [(KEYS[:1], 70), (KEYS[1:], 0)]
    ours.clear(set())
    assert list(kept.parent.iterdir()) == []


def test_a_file_cut_off_anywhere_is_no_checkpoint(tmp_path: Path, kept: Path) -> None:
    data = kept.read_bytes()
    head = data.index(b"\n", len(checkpoints.MAGIC)) + 1
    places = {0, 1, len(checkpoints.MAGIC) - 1, len(checkpoints.MAGIC), 100, head - 1, head, head + 7}
    for length in places | {len(data) - 33, len(data) - 32, len(data) - 1}:
        kept.write_bytes(data[:length])
        assert _found(tmp_path) == [(KEYS, 0)], length
    kept.write_bytes(data + b"\0")
    assert _found(tmp_path) == [(KEYS, 0)]
    kept.write_bytes(data)
    assert _found(tmp_path) == [(KEYS, 40)]


def test_a_file_with_any_bit_flipped_is_no_checkpoint(tmp_path: Path, kept: Path) -> None:
    data = kept.read_bytes()
    for bit in range(0, 8 * len(data), 37):  # in every part of the file, each bit of a byte in turn
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        kept.write_bytes(wrong)
        assert [step for _, step in _found(tmp_path)] == [0], bit


def _pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1.0]}))


def _hostile(path: Path) -> None:
    about = b'{"engine_version":2,"made_by":"","keys":[],"step":1e400,"arrays":[["a","object",[1]]]}\n'
    path.write_bytes(checkpoints.MAGIC + about + bytes(40))


FOREIGN: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no checkpoint"),
    "sqlite": lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(100)),
    "npz": lambda path: np.savez(path.open("wb"), a=np.zeros(3)),
    "pickle": _pickled,
    "hostile": _hostile,
    "deep JSON": lambda path: path.write_bytes(checkpoints.MAGIC + b"[" * 10**6 + b"\n"),
    "a list": lambda path: path.write_bytes(checkpoints.MAGIC + b"[]\n" + bytes(32)),
    "folder": lambda path: path.mkdir(),
    "pipe": lambda path: os.mkfifo(path),
    "link to nothing": lambda path: path.symlink_to("nothing"),
}


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_file_is_no_checkpoint(tmp_path: Path, kept: Path, make: Callable[[Path], object]) -> None:
    ours = Checkpoints(home=tmp_path, device="cpu")
    make(kept.with_name("a.checkpoint"))
    assert [found.state.step for _, found in ours.parts(RUNS) if found] == [40]
    ours.clear(set(KEYS))
    assert _found(tmp_path) == [(KEYS, 40)]


@pytest.mark.parametrize("name", ["ENGINE_VERSION", "reader_of", "_code"])
def test_what_another_version_reader_or_code_left_is_not_gone_on_from(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    others = {"ENGINE_VERSION": 10**6, "reader_of": lambda *rest: Checkpoints, "_code": lambda: "another"}
    monkeypatch.setattr(checkpoints, name, others[name])
    assert _found(tmp_path) == [(KEYS, 0)]
    assert kept.exists() == (name != "ENGINE_VERSION")  # what no worker can read is gone


def test_a_start_takes_away_what_is_old_and_nothing_else(tmp_path: Path, kept: Path) -> None:
    draft, foreign = kept.with_name("b.checkpoint.tmp"), kept.with_name("notes.txt")
    fresh = kept.with_name("c.checkpoint.tmp")
    for path in (draft, foreign, fresh):
        path.write_text("not ours, or half of it")
    now = time.time()
    os.utime(draft, (now, now - DRAFT_SECONDS - 60))
    os.utime(foreign, (now, now - 2 * KEPT_SECONDS))
    os.utime(kept, (now, now - KEPT_SECONDS + 60))
    Checkpoints(home=tmp_path, device="cpu")
    assert sorted(kept.parent.iterdir()) == sorted([kept, fresh, foreign])
    os.utime(kept, (now, now - KEPT_SECONDS - 60))
    Checkpoints(home=tmp_path, device="cpu")
    assert sorted(kept.parent.iterdir()) == sorted([fresh, foreign])


@pytest.mark.parametrize("failing", ["open", "fsync", "replace", "room"])
def test_what_cannot_be_written_leaves_the_checkpoint_before(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*rest: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    ours = Checkpoints(home=tmp_path, device="cpu")
    with monkeypatch.context() as patch:
        if failing == "fsync":
            patch.setattr(os, "fsync", full)
        elif failing == "room":
            patch.setattr(checkpoints, "LEAST_FREE", 2**80)
        else:
            patch.setattr(Path, failing, full)
        assert ours.write(RUNS, _checkpoint(step=99)) > 0
    assert _found(tmp_path) == [(KEYS, 40)]
    assert list(kept.parent.iterdir()) == [kept]


def test_a_folder_that_cannot_be_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    ours = Checkpoints(home=tmp_path, device="cpu")
    ours.write(RUNS, _checkpoint())
    ours.remove(RUNS)
    ours.clear(set())
    assert list(ours.parts(RUNS)) == [(RUNS, None)]


def test_writing_takes_a_fiftieth_of_the_time_at_most(tmp_path: Path) -> None:
    ours = Checkpoints(home=tmp_path, device="cpu", every=30)
    assert not ours.due(29.9, cost=0.01)
    assert ours.due(30, cost=0.01)
    assert not ours.due(99, cost=2)
    assert ours.due(100, cost=2)


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_what_is_no_number_of_seconds_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SCALESCOPE_CHECKPOINT_SECONDS", text)
    with pytest.raises(ValueError, match=f"SCALESCOPE_CHECKPOINT_SECONDS={text} is not possible; allowed: 0 or more"):
        Checkpoints(home=tmp_path, device="cpu")


def test_a_checkpoint_of_some_runs_shares_no_memory_with_the_whole() -> None:
    whole = _checkpoint()
    part = whole.of(KEYS[:1])
    part.state.arrays["weights"][:] = 0
    assert _said(whole) == _said(_checkpoint())
