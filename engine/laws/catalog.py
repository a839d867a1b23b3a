"""The catalog of laws: fits one by its name, and ranks several by their error on rows that they have not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.base.language import _
from engine.laws.broken import broken
from engine.laws.budgets import fit_envelope, fit_isoflop
from engine.laws.form import Form
from engine.laws.joint import CHINCHILLA, DATA_CONSTRAINED
from engine.laws.observations import Observations
from engine.laws.parametric import DELTA, fit_form
from engine.laws.power import FLAT, OFFSET, POWER
from engine.laws.result import Fit, number
from engine.laws.rising import SATURATING, SIGMOID

FORMS: dict[str, Form] = {
    form.name: form for form in (FLAT, POWER, OFFSET, CHINCHILLA, DATA_CONSTRAINED, SATURATING, SIGMOID)
} | {"broken": broken(1)}
"""The laws that predict a loss, by name; the others find the best size of a budget."""
LAWS = (*FORMS, "isoflop", "isoflop-akima", "envelope")
"""The names of all laws, as `fit` takes them."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A law in a ranking by its error on held-out rows."""

    fit: Fit | None
    """The fit; None where the law could not be fitted."""
    name: str
    held_out_error: float
    """See HeldOut.error; for the flat line HeldOut.flat_error; infinite where nothing could be held out."""
    refusal: str = ""
    """Why the law could not be fitted."""

    def flat(self) -> dict[str, Any]:
        """Return the ranked law as JSON has it; numbers that are not finite are null."""
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
    """Return the law of this name, one of LAWS, fitted to `rows`.

    `delta`: residual (of the log loss) beyond which the Huber loss is linear, for parametric laws; `bootstrap`: samples
    of whole runs for the intervals, 0 to 100000; `seed`: of these samples; `level`: how often an interval holds the
    truth, between 0 and 1; `breaks`: of the law `broken`.
    Raises: ValueError: for an unknown name, an option out of range, or rows that the law cannot be fitted to.
    """
    if law not in LAWS:
        raise ValueError(_("law={law} is not known; allowed: {allowed}.", law=law, allowed=", ".join(LAWS)))
    if not 0 < level < 1:
        raise ValueError(_("level={level} is not possible; allowed: between 0 and 1.", level=level))
    if law == "isoflop":
        return fit_isoflop(rows, bootstrap=bootstrap, seed=seed, level=level)
    if law == "isoflop-akima":
        return fit_isoflop(rows, minimum="akima", bootstrap=bootstrap, seed=seed, level=level)
    if law == "envelope":
        return fit_envelope(rows, bootstrap=bootstrap, seed=seed, level=level)
    form = broken(breaks) if law == "broken" else FORMS[law]
    return fit_form(form, rows, delta=delta, bootstrap=bootstrap, seed=seed, level=level)


def comparable(rows: Observations) -> tuple[str, ...]:
    """Return the names of the laws that can be compared on `rows`: with data, also those of size and data."""
    if rows.d is None:
        return ("power", "power-offset", "broken", "saturating", "sigmoid")
    joint = ("chinchilla",) if rows.unique is None else ("chinchilla", "data-constrained")
    return (*joint, "power", "power-offset")


def compare(laws: Sequence[str], rows: Observations, *, delta: float = DELTA, breaks: int = 1) -> list[Ranked]:
    """Return the laws and the flat line, the best first, by the error on the largest sizes, which are held out.

    Where `rows` have data, the largest amounts of compute are held out instead. The held-out rows are the same for
    every law. `delta`, `breaks`: as in `fit`.
    Raises: ValueError: for a law that does not predict a loss.
    """
    if unknown := [law for law in laws if law not in FORMS]:
        raise ValueError(
            _("law={law} does not predict a loss; allowed: {allowed}.", law=unknown[0], allowed=", ".join(FORMS))
        )
    hold_out = "n" if rows.d is None else "compute"
    ranked = []
    for law in dict.fromkeys(["flat", *laws]):
        form = broken(breaks) if law == "broken" else FORMS[law]
        try:
            found = fit_form(form, rows, delta=delta, bootstrap=0, hold_out=hold_out)
        except ValueError as problem:
            ranked.append(Ranked(fit=None, name=law, held_out_error=float("inf"), refusal=str(problem)))
            continue
        held = found.held_out
        error = (held.flat_error if law == "flat" else held.error) if held else float("inf")
        ranked.append(Ranked(fit=found, name=law, held_out_error=error))
    return sorted(ranked, key=lambda one: one.held_out_error)
