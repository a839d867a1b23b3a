"""`python -m engine verdicts`: cards and JSON of what the store has, and what counts once it is trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.commands.main import main
from engine.spec import registry
from engine.spec.result import RunResult
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.artifacts import packed
from engine.verdicts import power_law
from engine.verdicts.claims import judge
from engine.verdicts.curves import Curves
from engine.verdicts.rates import ladder
from engine.verdicts.verdict import TITLES
from store.db.connection import Database
from store.exchange.gallery import GALLERY, import_gallery
from store.library.sweeps import save_sweep
from store.results import queries
from tests import homes
from tests.engine.verdicts.planted import DESCENT, TRAINED, WIDTHS
from tests.pages import made_up

SETTINGS: dict[str, Any] = {"dataset": "digits", "label_noise": 0.2, "width": WIDTHS, "seed": (0, 1)}


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    return homes.fresh(tmp_path, _with_what_ships)


@pytest.fixture
def one_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A store with what ships of one preset."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for path in GALLERY.glob("digits-double-descent.*"):
        (shipped / path.name).symlink_to(path)
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(shipped))
    return homes.fresh(tmp_path)


def _with_what_ships(db: Database) -> None:
    import_gallery(db, GALLERY)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A store without what ships, some of which tests train otherwise."""
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    return homes.fresh(tmp_path)


def _result(run: RunSpec) -> RunResult:
    """Return a run whose test error is that of the opening sweep, but for noise of its own."""
    made, place = made_up.result(run), WIDTHS.index(run.width)
    noise = 0.02 * np.random.default_rng([run.width, run.seed]).normal()
    points = len(made.steps)
    metrics = dict(made.metrics) | {
        "test_error": (float(DESCENT[place] + noise),) * points,
        "train_error": (float(TRAINED[place]),) * points,
        "val_loss": (0.3 + np.log2(run.lr / 0.005) ** 2,) * points,
    }
    outputs = np.eye(10, dtype=np.float16)[np.zeros(597, dtype=np.intp)]
    kept = packed({"outputs": outputs, "answers": np.zeros(597, dtype=np.int16)})
    return RunResult(**vars(made) | {"metrics": metrics, "predictions": kept})


def _train(db: Database, sweep: SweepSpec, name: str = "Mine") -> None:
    made_up.put(db, [_result(run) for run in sweep.runs()])
    save_sweep(db, sweep, name)


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["verdicts", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _verdict(found: Any, claim: str = "double-descent-by-size") -> Any:
    (verdict,) = (one for one in found["verdicts"] if one["claim"] == claim)
    return verdict


def test_what_ships_is_judged_as_json(one_shipped: Database, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "digits-double-descent")
    assert (found["runs"], found["missing"], found["beyond"]) == (33, 0, 0)
    verdict = _verdict(found)
    assert (verdict["answer"], verdict["unit"], verdict["n_seeds"]) == ("supported", "points of test error", 3)
    assert verdict["low"] < verdict["effect"] < verdict["high"]
    assert "peak is at width 32, the interpolation threshold" in verdict["where"]
    assert {one["claim"] for one in found["verdicts"]} <= set(TITLES)
    rows = {row["width"]: row for row in found["sizes"][0]["rows"]}
    assert rows[4]["flipped"] < 0.1
    assert rows[512]["flipped"] == 1
    assert "No predictions are kept" in found["sizes"][0]["note"]
    assert found["rates"]["answer"] is None
    assert "--set lr=0.00125,0.0025,0.005,0.01,0.02" in found["rates"]["command"]


def test_cards_are_printed_with_the_command_that_settles_them(
    one_shipped: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verdicts", "digits-double-descent"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("33 runs, 0 of them missing\n")
    assert "Double descent with size: supported\n" in printed
    assert "scalescope queue add digits-double-descent --set seed=3," in printed
    assert "wrong labels memorised" in printed


def test_what_settles_counts_once_it_is_trained(empty: Database, capsys: pytest.CaptureFixture[str]) -> None:
    _train(empty, SweepSpec.of(SETTINGS))
    found = _json(capsys, "Mine")
    verdict = _verdict(found)
    assert verdict["answer"] == "inconclusive"  # two seeds
    settle = verdict["settle"]
    assert settle["command"].startswith("scalescope queue add Mine --set seed=2")
    assert settle["seconds"] > 0
    _train(empty, SweepSpec.of(settle["settings"]), "More")
    again = _json(capsys, "Mine")
    assert again["beyond"] == settle["runs"]
    assert _verdict(again)["answer"] == "supported"


def test_bias_and_variance_where_seeds_share_a_test_set(empty: Database, capsys: pytest.CaptureFixture[str]) -> None:
    _train(empty, SweepSpec.of(SETTINGS | {"data_seed": 0, "width": (4, 8)}))
    (part,) = _json(capsys, "Mine")["sizes"]
    assert part["note"] == ""
    for row in part["rows"]:
        assert row["variance"] == 0  # all answer the same
        assert row["bias_squared"] == pytest.approx(row["error"])
        assert row["error"] == pytest.approx(2 * 0.9, abs=0.05)  # nine in ten digits are no 0


def test_the_ladder_of_rates_is_judged_once_it_is_trained(empty: Database, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = SweepSpec.of(SETTINGS)
    _train(empty, sweep)
    _train(empty, ladder(sweep), "Ladder")
    rates = _json(capsys, "Mine")["rates"]
    assert rates["answer"] == "right"
    assert [rung["best"] for rung in rates["rungs"]] == pytest.approx([0.005] * 3)


def test_what_is_not_there_is_refused_in_a_sentence(one_shipped: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verdicts", "nothing"]) == 2
    assert "Presets: " in capsys.readouterr().err
    assert main(["verdicts", "digits-double-descent", "--measure", "accuracy"]) == 2
    assert "measure=accuracy" in capsys.readouterr().err
    assert main(["verdicts", "digits-double-descent", "--set", "dataset=moons"]) == 0
    assert "nothing to judge" in capsys.readouterr().out


SAID = {
    "digits-double-descent": {"double-descent-by-size": "supported", "power-law": "not supported"},
    "digits-clean-labels": {"double-descent-by-size": "not supported", "overfits-with-size": "not supported"},
    "digits-weight-decay": {"double-descent-by-size": "not supported", "overfits-with-size": "supported"},
    "moons-overfitting": {"overfits-with-size": "supported"},
    "moons-weight-decay": {"overfits-with-size": "not supported"},
    "epoch-double-descent": {"double-descent-by-step": "supported"},
    "epoch-one-scale": {"double-descent-by-step": "not supported"},
    "sample-double-descent": {"double-descent-by-data": "supported"},
    "sample-ridge": {"double-descent-by-data": "not supported"},
    "teacher-student-size": {"overfits-with-size": "not supported"},
    "grokking-modular": {"grokking": "supported"},
    "grokking-no-decay": {"grokking": "not supported"},
    "addition-transformer": {"sudden-jump": "supported", "metric-only": "not supported"},
    "exact-match-signs": {"sudden-jump": "supported", "metric-only": "supported"},
    "parity-jump": {"sudden-jump": "supported"},
    "parity-one-bit": {"sudden-jump": "not supported"},
}


@pytest.mark.parametrize(
    "said", [SAID, pytest.param({"teacher-student-size": {"power-law": "supported"}}, marks=pytest.mark.long)]
)
def test_the_gallery_shows_what_its_presets_say(
    db: Database, monkeypatch: pytest.MonkeyPatch, said: dict[str, dict[str, str]]
) -> None:
    fitted = power_law.power_law
    for preset, answers in said.items():
        # The fit takes longer than all else, and most presets say nothing of it.
        monkeypatch.setattr(power_law, "power_law", fitted if "power-law" in answers else lambda series: None)
        sweep = SweepSpec.of(registry.preset(preset).settings)
        verdicts = judge(sweep, Curves.of(queries.curves(db, sweep.runs()), sweep.runs()))
        found = {one.claim: one.answer for one in verdicts}
        assert {claim: found[claim] for claim in answers} == answers
