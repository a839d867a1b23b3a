"""Verdict cards under the curve on Explore, without a browser."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.queue.jobs import Queue
from engine.queue.supervisor import Supervisor
from engine.spec.result import RunResult
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts.verdict import Verdict
from pages.ui.explore import report, verdicts
from store.db.connection import Database
from store.library.sweeps import save_sweep
from tests.pages import made_up

Open = Callable[..., AppTest]
SWEEP = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8, 16), "seed": (0, 1, 2)})
ADDRESS = {"dataset": "moons", "arch": "mlp", "width": "2,4,8,16", "seed": "0..2"}


def result(run: RunSpec, rise: float) -> RunResult:
    """Return a run whose test error falls to width 8 and then is higher by `rise`, spread by the seed."""
    made = made_up.result(run)
    spread = (np.random.default_rng(run.width * 100 + run.seed).normal()) * 0.01
    end = 0.3 - 0.02 * min(run.width, 8) + (rise if run.width > 8 else 0.0) + spread
    metrics = dict(made.metrics) | {"test_error": (*made.metrics["test_error"][:-1], end)}
    return dataclasses.replace(made, metrics=metrics)


@pytest.fixture
def explored(opened: Open, db: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], AppTest]:
    monkeypatch.setattr(Supervisor, "tend", lambda supervisor: None)  # nothing is to train here
    monkeypatch.setattr(report, "chart", lambda *given, **named: True)  # no browser will say that it stands

    def open_with(rise: float) -> AppTest:
        made_up.put(db, [result(run, rise) for run in SWEEP.runs()])
        save_sweep(db, SWEEP, "")
        return opened(**ADDRESS)

    return open_with


def said(app: AppTest) -> str:
    return " ".join(one.value for kind in (app.markdown, app.caption) for one in kind).replace("\\", "")


def test_each_claim_has_a_card_with_answer_effect_and_evidence(explored: Callable[[float], AppTest]) -> None:
    app = explored(0.2)
    assert not app.exception
    assert "What the curve says" in said(app)
    assert "**Overfits with size**" in said(app)
    assert "Supported" in said(app)
    assert "19.7 points of test error (" in said(app)
    assert "3 seeds" in said(app)
    assert "Why" in [one.label for one in app.expander]
    (link,) = app.get("page_link")
    assert "law=power-offset" in link.proto.query_string


def test_settling_submits_the_named_runs_and_shows_how_far_they_are(
    explored: Callable[[float], AppTest], db: Database
) -> None:
    app = explored(0.02)
    button = next(one for one in app.button if one.key and one.key.startswith("settle-"))
    assert not button.disabled
    assert "more seeds at widths" in said(app)
    button.click().run()
    assert not app.exception
    (job,) = Queue(db.home).jobs()
    assert {run.seed for run in job.runs}.isdisjoint({0, 1, 2})
    assert "Training what settles it" in said(app)
    made_up.put(db, [result(run, 0.02) for run in job.runs])
    Queue(db.home).stop(job.sweep_id)
    app.run()
    assert not app.exception
    assert f"Judged together with {len(job.runs)} runs beyond this sweep" in said(app)


def test_an_effect_that_could_not_be_measured_says_so() -> None:
    one = Verdict(
        claim="power-law",
        answer="not supported",
        metric="test_loss",
        effect=None,
        unit="",
        low=None,
        high=None,
        n_seeds=1,
        where="",
        why=(),
    )
    assert verdicts.effect(one) == "No effect to measure, 1 seed"
    measured = dataclasses.replace(one, effect=-0.1234, unit="points", low=-0.5, high=0.25, n_seeds=3)
    assert verdicts.effect(measured) == "−0.123 points (−0.5 to 0.25), 3 seeds"
