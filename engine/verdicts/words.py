"""The words of verdicts: sizes, amounts and intervals as users read them, and the caveats of a curve."""

from collections.abc import Sequence

from engine.base.language import _, _n
from engine.laws.result import number
from engine.verdicts.intervals import Effect
from engine.verdicts.series import Series

_METRICS = {"test_error": _("test error"), "test_loss": _("test loss"), "test_brier": _("test brier")}


def unit(metric: str) -> str:
    """Return the unit of an effect in `metric`, e.g. "points of test error"."""
    return _("points of {metric}", metric=metric_name(metric)) if _is_share(metric) else metric_name(metric)


def scaled(value: float, metric: str) -> float | None:
    """Return a value in `unit`; None where it is not finite."""
    return number((100.0 if _is_share(metric) else 1.0) * value)


def metric_name(metric: str) -> str:
    """Return a metric as users read it, e.g. "test error"."""
    return _METRICS.get(metric) or metric.replace("_", " ")


def amount(value: float, metric: str) -> str:
    """Return how large a difference is, e.g. "1.4 points"."""
    return _("{points:.1f} points", points=100 * value) if _is_share(metric) else f"{value:.3g}"


def level(value: float, metric: str) -> str:
    """Return a value, e.g. "14.3 %"."""
    return f"{100 * value:.1f} %" if _is_share(metric) else f"{value:.3g}"


def span(effect: Effect, metric: str, sign: int = 1) -> str:
    """Return an effect with its interval, e.g. "+13.7 points (+8.1 to +19.4)"; `sign` −1 shows a fall as a change."""
    factor, digits = (100.0, "+.1f") if _is_share(metric) else (1.0, "+.3g")
    bounds = sign * factor * effect.low, sign * factor * effect.high
    value, low, high = (
        f"{one:{digits}}".replace("-", "−") for one in (sign * factor * effect.value, min(bounds), max(bounds))
    )
    if effect.n < 2:
        if _is_share(metric):
            return _("{value} points, without interval", value=value)
        return _("{value}, without interval", value=value)
    if _is_share(metric):
        return _("{value} points ({low} to {high})", value=value, low=low, high=high)
    return _("{value} ({low} to {high})", value=value, low=low, high=high)


def size(series: Series, index: int) -> str:
    """Return one size of `series`, e.g. "width 24", "300 examples"."""
    return sizes(series.axis, [series.sizes[index]])


def sizes(axis: str, values: Sequence[float]) -> str:
    """Return sizes along `axis` (width, depth or dataset_size), e.g. "widths 16 and 64", "100 and 300 examples"."""
    if axis == "dataset_size":
        return _("{amounts} examples", amounts=together([f"{value:,}" for value in values]))
    listed = together([f"{value}" for value in values])
    if axis == "depth":
        return _n("depth {depths}", "depths {depths}", len(values), depths=listed)
    return _n("width {widths}", "widths {widths}", len(values), widths=listed)


def together(words: Sequence[str]) -> str:
    """Return `words` as one list, e.g. "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return _("{first} and {last}", first=", ".join(words[:-1]), last=words[-1])


def seeds(n: int) -> str:
    """Return a number of seeds, e.g. "3 seeds"."""
    return _n("{n} seed", "{n} seeds", n)


def caveats(series: Series) -> list[str]:
    """Return what limits any verdict on `series`: runs left out, data that never change, seeds that are not shared."""
    found = []
    if series.diverged:
        named, more = list(series.diverged[:3]), len(series.diverged) - 3
        if more > 0:
            named.append(_n("{n} more", "{n} more", more))
        found.append(
            _n(
                "{n} run diverged and is left out: {runs}.",
                "{n} runs diverged and are left out: {runs}.",
                len(series.diverged),
                runs=together(named),
            )
        )
    if len(series.units) > 1 and len(series.seed_values("data_seed")) == 1:
        found.append(_("All seeds share one data set: the interval says nothing of other data."))
    if not series.shared:
        found.append(_("No seed is there at two sizes: differences are not taken seed by seed."))
    return found


def capital(text: str) -> str:
    """Return `text` with a capital first letter."""
    return text[:1].upper() + text[1:]


def listed(values: Sequence[str], most: int = 5) -> str:
    """Return values with commas, e.g. "40, 40, 60"; of more than `most` the first ones and "…"."""
    return ", ".join(values[:most]) + (", …" if len(values) > most else "")


def _is_share(metric: str) -> bool:
    """Return whether a metric is a share, which is shown in per cent and its differences in points."""
    return metric.endswith("_error")
