"""What a fit says, in sentences: what is drawn, its error on what it has not seen, what it forecasts. Pure."""

import math
import re
from collections.abc import Callable

from engine.base.language import _, _n
from engine.laws import catalog
from engine.laws.observations import Observations
from engine.laws.optimum import Plan, Smallest
from engine.laws.result import Fit, Forecast
from pages.ui import text
from pages.ui.laws.question import Asked
from pages.ui.laws.table import Table
from pages.ui.views.strokes import Look

TITLES = {name: form.title for name, form in catalog.FORMS.items()} | {
    "broken": _("Broken power law"),
    "isoflop": _("IsoFLOP minima, by parabolas"),
    "isoflop-akima": _("IsoFLOP minima, of any shape"),
    "envelope": _("Envelope of training curves"),
}
_MEANINGS = {
    "E": _("floor: the loss that no size goes below"),
    "A": _("how much size matters"),
    "B": _("how much data matter"),
    "alpha": _("exponent of size"),
    "beta": _("exponent of data"),
    "a": _("exponent of the optimal size by compute"),
    "b": _("exponent of the optimal data by compute"),
    "k": _("optimal size at one FLOP"),
    "loss_k": _("loss at one FLOP"),
    "loss_exponent": _("exponent of the loss by compute"),
    "ceiling": _("what no size goes above"),
    "low": _("level of small models"),
    "high": _("level of large models"),
    "middle": _("size half-way between them"),
    "rd_star": _("repetitions after which data fade"),
    "rn_star": _("the same of excess size"),
}
_OF_BROKEN = {"a": _("floor: the loss that no size goes below"), "b": _("loss above it at size 1")}
_OF_BREAK = {
    "c": _("change of exponent at break {number}"),
    "d": _("size at break {number}"),
    "f": _("width of break {number}"),
}


def meaning(fit: Fit, name: str) -> str:
    """Return what a parameter is, in words."""
    if fit.law == "broken":
        if name == "c0":
            return _("exponent before the first break")
        return _OF_BROKEN[name] if name in _OF_BROKEN else _OF_BREAK[name[0]].format(number=name[1:])
    if fit.law == "sigmoid" and name == "k":
        return _("steepness")
    return _MEANINGS.get(name, "")


def number(value: float) -> str:
    """Return a number with four figures: 0.3473, 2143, 1.2e+09; "–" for none."""
    return f"{value:.4g}" if math.isfinite(value) else "–"


def span(low: float, high: float) -> str:
    """Return an interval as 0.31 to 0.37."""
    return _("{low} to {high}", low=number(low), high=number(high))


def percent(share: float) -> str:
    """Return a share in per cent, to two figures."""
    if not math.isfinite(share):
        return "–"
    if share < 1e-6:
        return "0 %"
    return f"{100 * share:,.0f} %" if share >= 0.995 else f"{100 * share:.2g} %"


def refusals(fit: Fit) -> tuple[str, ...]:
    """Return why not to rely on the fit; that single budgets were left out is no reason."""
    return tuple(titled(sentence) for sentence in fit.refusals if sentence not in left_out(fit))


def titled(sentence: str) -> str:
    """Return a sentence of the engine with the laws' titles in place of their names."""
    return re.sub("`([a-z-]+)`", lambda found: f"“{TITLES.get(found[1], found[1])}”", sentence)


def left_out(fit: Fit) -> tuple[str, ...]:
    """Return which budgets have no minimum, and why."""
    return tuple(fit.details.get("left_out", ()))


def marks(fit: Fit, table: Table, asked: Asked, look: Look) -> str:
    """Return what the main chart shows."""
    compute = _("training FLOPs as counted") if table.amount(asked) == "flops" else "C = 6·N·D"
    if fit.law == "isoflop":
        return _("Each colour is a budget of compute ({compute}); a star marks its best size.", compute=compute)
    if fit.law == "envelope":
        return _(
            "Lines are training curves; marks are where a size between the others is the lowest of all. "
            "Compute: {compute}.",
            compute=compute,
        )
    if fit.law == "data-constrained":
        return _("On the line a run has just the loss that the law says.")
    said = [_lines(fit, look), _band(fit), _dots(fit)]
    if fit.law == "chinchilla":
        said.append(_("Compute: {compute}.", compute=compute))
    return " ".join(said)


def _lines(fit: Fit, look: Look) -> str:
    if fit.law == "chinchilla":
        if look.refused:
            return _("Dashed grey: the lowest loss that the law expects of a budget, which these runs do not support.")
        return _("Solid: the lowest loss that the law expects of a budget over what it has seen; dotted: its forecast.")
    if look.refused:
        return _("Dashed grey: the law, which these runs do not support.")
    return _("Solid: the law over what it has seen; dotted: its forecast.")


def _band(fit: Fit) -> str:
    return _n(
        "Band: the {percent:.0f} % interval, from {n:,} bootstrap sample of whole runs.",
        "Band: the {percent:.0f} % interval, from {n:,} bootstrap samples of whole runs.",
        max((len(values) for values in fit.samples.values()), default=0),
        percent=100 * fit.level,
    )


def _dots(fit: Fit) -> str:
    if fit.held_out is None:
        return _("Dots are single runs.")
    return _("Dots are single runs; filled diamonds are what the law, fitted without the runs in rings, said of them.")


def held_out(fit: Fit) -> str:
    """Return which rows were held out, and the error of the law on them."""
    held = fit.held_out
    if held is None:
        return _("There are too few sizes to hold the largest out, so nothing says how this law forecasts.")
    if fit.details:
        return _(
            "The best size of the largest budget, {budget}, was said from the smaller ones: "
            "{predicted}, where it is {observed}.",
            budget=text.flops(held.sizes[-1]),
            predicted=text.count(held.predicted[0]),
            observed=text.count(held.observed[0]),
        )
    named = {"runs": _n("{n:,} run", "{n:,} runs", len(held.rows)), "error": percent(held.error)}
    if held.of == "compute":
        said = _n(
            "Fitted without the largest amount of compute ({runs}), it was off there by {error}.",
            "Fitted without the {n} largest amounts of compute ({runs}), it was off there by {error}.",
            len(held.sizes),
            **named,
        )
    else:
        said = _n(
            "Fitted without the largest size ({runs}), it was off there by {error}.",
            "Fitted without the {n} largest sizes ({runs}), it was off there by {error}.",
            len(held.sizes),
            **named,
        )
    return f"{said} {_('That is worse than a flat line.')}" if held.error > held.flat_error else said


def dropped(rows: Observations, table: Table, fit: Fit | None) -> list[str]:
    """Return a line for everything that was left out, and why; the rows that remain; the starts of the search."""
    said = [*table.notes]
    for one in rows.dropped:
        reason = {"reason": one.reason}
        out = _n("{n:,} row is left out: {reason}.", "{n:,} rows are left out: {reason}.", len(one.rows), **reason)
        said.append(out)
    said += left_out(fit) if fit is not None else ()
    said.append(_remaining(rows, table, fitted=fit is not None))
    if fit is not None and fit.starts > 1:
        said.append(
            _(
                "{reached} of the {starts} starts that were followed to the end reached the best objective.",
                reached=fit.reached,
                starts=fit.starts,
            )
        )
    return said


def _remaining(rows: Observations, table: Table, *, fitted: bool) -> str:
    named = {
        "runs": _n("{n:,} run", "{n:,} runs", int(rows.run.max()) + 1),
        "sizes": text.between(rows.n.min(), rows.n.max()),
        "unit": table.unit,
    }
    if fitted:
        return _n(
            "{n:,} row of {runs} is fitted, {sizes} {unit}.",
            "{n:,} rows of {runs} are fitted, {sizes} {unit}.",
            len(rows),
            **named,
        )
    return _n(
        "{n:,} row of {runs} is left, {sizes} {unit}.",
        "{n:,} rows of {runs} are left, {sizes} {unit}.",
        len(rows),
        **named,
    )


def smallest(found: Smallest, table: Table, *, rising: bool) -> str:
    """Return which size is as good as the best, as far as the seeds can tell."""
    named = {"best": text.count(found.best_n), "unit": table.unit}
    if found.n == found.best_n:
        return _("No smaller size is within one standard error of the best, {best} {unit}.", **named)
    loss, best_loss = ((1 - v if rising else v) for v in (found.loss, found.best_loss))
    return _(
        "**{size} {unit}** are enough: {loss} is within one standard error ({standard_error}) of the best, "
        "{best_loss} with {best} {unit}.",
        size=text.count(found.n),
        loss=number(loss),
        standard_error=number(found.standard_error),
        best_loss=number(best_loss),
        **named,
    )


def forecast(one: Forecast, look: Look) -> str:
    """Return a forecast loss with its interval."""
    return _("{loss} ({low} to {high})", loss=look.shown(one.value), low=look.shown(one.low), high=look.shown(one.high))


def planned(plan: Plan, table: Table, asked: Asked, look: Look) -> list[tuple[str, str, str]]:
    """Return label, value and interval of each number of a compute-optimal training run."""

    def row(label: str, one: Forecast, said: Callable[[float], str]) -> tuple[str, str, str]:
        return label, said(one.value), _("{low} to {high}", low=said(one.low), high=said(one.high))

    return [
        row(_("Size ({unit})", unit=table.unit), plan.n, text.count),
        row(_("Data ({unit})", unit=table.counted(asked)), plan.d, text.count),
        row(table.loss.name, plan.loss, look.shown),
    ]


def alt(rows: Observations, fit: Fit | None, table: Table, asked: Asked) -> str:
    """Return in words what the main chart shows."""
    said = [
        _n(
            "Chart of {loss} of {n:,} row, {sizes} {unit}.",
            "Chart of {loss} of {n:,} rows, {sizes} {unit}.",
            len(rows),
            loss=table.loss.text,
            sizes=text.between(rows.n.min(), rows.n.max()),
            unit=table.unit,
        )
    ]
    if fit is None:
        return " ".join([*said, _("No law could be fitted.")])
    estimates = ", ".join(f"{name} {number(value)}" for name, value in fit.estimates.items())
    said.append(f"{TITLES[asked.law]}, {fit.formula}: {estimates}.")
    if fit.held_out:
        said.append(_("Held out, it is off by {error}.", error=percent(fit.held_out.error)))
    if refusals(fit):
        said.append(_("These rows do not support it."))
    return " ".join(said)


def decaying(schedules: set[str]) -> str:
    """Return a warning for curves of runs whose learning rate falls; "" where none does."""
    if schedules <= {"constant"}:
        return ""
    return _(
        "The learning rate of these runs changes over training: a point on the way is not what a run that ended there "
        "would have, and an envelope of such points misleads. Train each length by itself, or with a constant rate."
    )
