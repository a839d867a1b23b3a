"""The laws by name, and which of several predicts what it has not seen best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.laws.broken import broken
from engine.laws.budgets import fit_envelope, fit_isoflop
from engine.laws.fit import Fit, number
from engine.laws.form import Form
from engine.laws.joint import CHINCHILLA, DATA_CONSTRAINED
from engine.laws.observations import Observations
from engine.laws.parametric import DELTA, fit_form
from engine.laws.power import FLAT, OFFSET, POWER
from engine.laws.rising import SATURATING, SIGMOID

FORMS: dict[str, Form] = {
    form.name: form for form in (FLAT, POWER, OFFSET, CHINCHILLA, DATA_CONSTRAINED, SATURATING, SIGMOID)
} | {"broken": broken(1)}
LAWS = (*FORMS, "isoflop", "isoflop-akima", "envelope")
"""Names that `fit` takes."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A law among others."""

    fit: Fit | None
    name: str
    held_out_error: float
    """See HeldOut.error; infinite where nothing could be held out."""
    refusal: str = ""
    """Why the law could not be fitted."""

    def flat(self) -> dict[str, Any]:
        """Return it as JSON has it; what is not finite is null."""
        held = self.fit.held_out if self.fit else None
        return {
            "law": self.name,
            "held_out_error": number(self.held_out_error),
            "in_sample_error": None if held is None else number(held.in_sample_error),
            "estimates": {} if self.fit is None else {k: number(v) for k, v in self.fit.estimates.items()},
            "refusals": list(self.fit.refusals) if self.fit else [self.refusal],
        }


def fit(
    law: str,
    rows: Observations,
    *,
    delta: float = DELTA,
    bootstrap: int = 200,
    seed: int = 0,
    level: float = 0.9,
    breaks: int = 1,
) -> Fit:
    """Return the law of this name fitted to `rows`.

    `delta`: residual beyond which the Huber loss is straight, for parametric laws; `breaks`: of `broken`.
    Raises: ValueError: for a name, an option, or rows that are not possible.
    """
    if law not in LAWS:
        raise ValueError(f"law={law} is not known; allowed: {', '.join(LAWS)}.")
    if not 0 < level < 1:
        raise ValueError(f"level={level} is not possible; allowed: between 0 and 1.")
    if law == "isoflop":
        return fit_isoflop(rows, bootstrap=bootstrap, seed=seed, level=level)
    if law == "isoflop-akima":
        return fit_isoflop(rows, minimum="akima", bootstrap=bootstrap, seed=seed, level=level)
    if law == "envelope":
        return fit_envelope(rows, bootstrap=bootstrap, seed=seed, level=level)
    form = broken(breaks) if law == "broken" else FORMS[law]
    return fit_form(form, rows, delta=delta, bootstrap=bootstrap, seed=seed, level=level)


def comparable(rows: Observations) -> tuple[str, ...]:
    """Return the laws that predict a loss from what `rows` have: with data, also those of size and data."""
    if rows.d is None:
        return ("power", "power-offset", "broken", "saturating", "sigmoid")
    joint = ("chinchilla",) if rows.unique is None else ("chinchilla", "data-constrained")
    return (*joint, "power", "power-offset")


def compare(laws: Sequence[str], rows: Observations, *, delta: float = DELTA, breaks: int = 1) -> list[Ranked]:
    """Return the laws, and the flat line beside them, by the error on the largest sizes that they had not seen.

    Where `rows` have data, the largest amounts of compute are held out instead: of every law the same rows.
    Raises: ValueError: for laws of something else than the loss.
    """
    if unknown := [law for law in laws if law not in FORMS]:
        raise ValueError(f"law={unknown[0]} does not predict a loss; allowed: {', '.join(FORMS)}.")
    ahead = "n" if rows.d is None else "compute"
    ranked = []
    for law in dict.fromkeys(["flat", *laws]):
        form = broken(breaks) if law == "broken" else FORMS[law]
        try:
            found = fit_form(form, rows, delta=delta, bootstrap=0, ahead=ahead)
        except ValueError as problem:
            ranked.append(Ranked(fit=None, name=law, held_out_error=float("inf"), refusal=str(problem)))
            continue
        held = found.held_out
        error = (held.flat_error if law == "flat" else held.error) if held else float("inf")
        ranked.append(Ranked(fit=found, name=law, held_out_error=error))
    return sorted(ranked, key=lambda one: one.held_out_error)
