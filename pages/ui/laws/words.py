"""What a fit says, in sentences: what is drawn, how it did unseen, what it forecasts or refuses to. Pure."""

import math
import re
from collections.abc import Callable

from engine.laws import catalog
from engine.laws.observations import Observations
from engine.laws.optimum import Plan, Smallest
from engine.laws.result import Fit, Forecast
from pages.ui import text
from pages.ui.laws.question import Asked
from pages.ui.laws.table import Table
from pages.ui.views.strokes import Look

TITLES = {name: form.title for name, form in catalog.FORMS.items()} | {
    "broken": "Broken power law",
    "isoflop": "IsoFLOP minima, by parabolas",
    "isoflop-akima": "IsoFLOP minima, of any shape",
    "envelope": "Envelope of training curves",
}
_MEANINGS = {
    "E": "floor: the loss that no size goes below",
    "A": "how much size matters",
    "B": "how much data matter",
    "alpha": "exponent of size",
    "beta": "exponent of data",
    "a": "exponent of the optimal size by compute",
    "b": "exponent of the optimal data by compute",
    "k": "optimal size at one FLOP",
    "loss_k": "loss at one FLOP",
    "loss_exponent": "exponent of the loss by compute",
    "ceiling": "what no size goes above",
    "low": "level of small models",
    "high": "level of large models",
    "middle": "size half-way between them",
    "rd_star": "repetitions after which data fade",
    "rn_star": "the same of excess size",
}
_OF_BROKEN = {
    "a": "floor: the loss that no size goes below",
    "b": "loss above it at size 1",
    "c": "change of exponent at break",
    "d": "size at break",
    "f": "width of break",
}


def meaning(fit: Fit, name: str) -> str:
    """Return what a parameter is, in words."""
    if fit.law == "broken":
        if name == "c0":
            return "exponent before the first break"
        return _OF_BROKEN[name[0]] + (f" {name[1:]}" if name[1:] else "")
    if fit.law == "sigmoid" and name == "k":
        return "steepness"
    return _MEANINGS.get(name, "")


def number(value: float) -> str:
    """Return a number with four figures: 0.3473, 2143, 1.2e+09; "–" for none."""
    return f"{value:.4g}" if math.isfinite(value) else "–"


def span(low: float, high: float) -> str:
    """Return an interval as 0.31 to 0.37."""
    return f"{number(low)} to {number(high)}"


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
    share = f"{100 * fit.level:.0f} %"
    refused = "Dashed grey: the law, which these runs do not support." if look.refused else ""
    line = refused or "Solid: the law over what it has seen; dotted: its forecast."
    band = f"Band: the {share} interval, from {text.plural(_samples(fit), 'bootstrap sample')} of whole runs."
    compute = "training FLOPs as counted" if table.amount(asked) == "flops" else "C = 6·N·D"
    if fit.law == "isoflop":
        return f"Each colour is a budget of compute ({compute}); a star marks its best size."
    if fit.law == "envelope":
        said = "Lines are training curves; marks are where a size between the others is the lowest of all."
        return f"{said} Compute: {compute}."
    if fit.law == "data-constrained":
        return "On the line a run has just the loss that the law says."
    if fit.law == "chinchilla":
        line = line.replace("the law", "the lowest loss that the law expects of a budget", 1)
    dots = "Dots are single runs." if fit.held_out is None else _held(fit)
    end = f" Compute: {compute}." if fit.law == "chinchilla" else ""
    return f"{line} {band} {dots}{end}"


def _held(fit: Fit) -> str:
    return "Dots are single runs; filled diamonds are what the law, fitted without the runs in rings, said of them."


def _samples(fit: Fit) -> int:
    return max((len(values) for values in fit.samples.values()), default=0)


def held_out(fit: Fit) -> str:
    """Return what was held out, and how the law did there."""
    held = fit.held_out
    if held is None:
        return "There are too few sizes to hold the largest out, so nothing says how this law forecasts."
    if fit.details:
        return (
            f"The best size of the largest budget, {text.flops(held.sizes[-1])}, was said from the smaller ones: "
            f"{text.count(held.predicted[0])}, where it is {text.count(held.observed[0])}."
        )
    several = len(held.sizes) > 1
    what = "amounts of compute" if held.of == "compute" else "sizes"
    which = (
        f"{len(held.sizes)} largest {what}" if several else f"largest {what.replace('amounts', 'amount').rstrip('s')}"
    )
    worse = " That is worse than a flat line." if held.error > held.flat_error else ""
    rows = text.plural(len(held.rows), "run")
    return f"Fitted without the {which} ({rows}), it was off there by {percent(held.error)}.{worse}"


def dropped(rows: Observations, table: Table, fit: Fit | None) -> list[str]:
    """Return a line for everything that was left out, and why; the rows that remain; the starts of the search."""
    said = [*table.notes]
    for one in rows.dropped:
        verb = "is" if len(one.rows) == 1 else "are"
        said.append(f"{text.plural(len(one.rows), 'row')} {verb} left out: {one.reason}.")
    said += left_out(fit) if fit is not None else ()
    what = f"{text.plural(len(rows), 'row')} of {text.plural(int(rows.run.max()) + 1, 'run')}"
    verb = "is" if len(rows) == 1 else "are"
    said.append(
        f"{what} {verb} {'fitted' if fit else 'left'}, {text.between(rows.n.min(), rows.n.max())} {table.size}."
    )
    if fit is not None and fit.starts > 1:
        said.append(
            f"{fit.reached} of the {fit.starts} starts that were followed to the end reached the best objective."
        )
    return said


def smallest(found: Smallest, table: Table, *, rising: bool) -> str:
    """Return which size is as good as the best, as far as the seeds can tell."""
    best = f"{text.count(found.best_n)} {table.size}"
    if found.n == found.best_n:
        return f"No smaller size is within one standard error of the best, {best}."
    loss, best_loss = ((1 - v if rising else v) for v in (found.loss, found.best_loss))
    return (
        f"**{text.count(found.n)} {table.size}** are enough: {number(loss)} is within one standard error "
        f"({number(found.standard_error)}) of the best, {number(best_loss)} with {best}."
    )


def forecast(one: Forecast, look: Look) -> str:
    """Return a forecast loss with its interval."""
    return f"{look.said(one.value)} ({look.said(one.low)} to {look.said(one.high)})"


def planned(plan: Plan, table: Table, asked: Asked, look: Look) -> list[tuple[str, str, str]]:
    """Return label, value and interval of each number of a compute-optimal training run."""

    def row(label: str, one: Forecast, said: Callable[[float], str]) -> tuple[str, str, str]:
        return label, said(one.value), f"{said(one.low)} to {said(one.high)}"

    return [
        row(f"Size ({table.size})", plan.n, text.count),
        row(f"Data ({table.counted(asked)})", plan.d, text.count),
        row(table.loss.partition(" (")[0], plan.loss, look.said),
    ]


def alt(rows: Observations, fit: Fit | None, table: Table, asked: Asked) -> str:
    """Return in words what the main chart shows."""
    sizes = f"{text.between(rows.n.min(), rows.n.max())} {table.size}"
    said = f"Chart of {table.loss.lower()} of {text.plural(len(rows), 'row')}, {sizes}."
    if fit is None:
        return f"{said} No law could be fitted."
    estimates = ", ".join(f"{name} {number(value)}" for name, value in fit.estimates.items())
    refused = " These rows do not support it." if refusals(fit) else ""
    off = f" Held out, it is off by {percent(fit.held_out.error)}." if fit.held_out else ""
    return f"{said} {TITLES[asked.law]}, {fit.formula}: {estimates}.{off}{refused}"


def decaying(schedules: set[str]) -> str:
    """Return a warning for curves of runs whose learning rate falls; "" where none does."""
    if schedules <= {"constant"}:
        return ""
    return (
        "The learning rate of these runs changes over training: a point on the way is not what a run that ended there "
        "would have, and an envelope of such points misleads. Train each length by itself, or with a constant rate."
    )
