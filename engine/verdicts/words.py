"""The sentences of verdicts: sizes, amounts and intervals in words."""

from collections.abc import Sequence

from engine.laws.fit import number
from engine.verdicts.intervals import Effect
from engine.verdicts.series import Series

AXES = {"width": ("width", "widths"), "depth": ("depth", "depths"), "dataset_size": ("examples", "examples")}


def unit(metric: str) -> str:
    """Return what an effect in `metric` is counted in."""
    return f"points of {spoken(metric)}" if metric.endswith("_error") else spoken(metric)


def scaled(value: float, metric: str) -> float | None:
    """Return a value in `unit`; None where it is not finite."""
    factor = 100.0 if metric.endswith("_error") else 1.0
    return number(factor * value)


def spoken(metric: str) -> str:
    """Return e.g. "test error"."""
    return metric.replace("_", " ")


def amount(value: float, metric: str) -> str:
    """Return how large a difference is, e.g. "1.4 points"."""
    return f"{100 * value:.1f} points" if metric.endswith("_error") else f"{value:.3g}"


def level(value: float, metric: str) -> str:
    """Return a value, e.g. "14.3 %"."""
    return f"{100 * value:.1f} %" if metric.endswith("_error") else f"{value:.3g}"


def span(effect: Effect, metric: str, sign: int = 1) -> str:
    """Return e.g. "+13.7 points (+8.1 to +19.4)"; `sign` −1: of a fall, what it changes by."""
    factor, digits, noun = (100.0, "+.1f", " points") if metric.endswith("_error") else (1.0, "+.3g", "")
    value, low, high = (sign * factor * number for number in (effect.value, effect.low, effect.high))
    if effect.n < 2:
        return f"{value:{digits}}{noun}, without interval".replace("-", "−")
    return f"{value:{digits}}{noun} ({min(low, high):{digits}} to {max(low, high):{digits}})".replace("-", "−")


def size(series: Series, place: int) -> str:
    """Return e.g. "width 24", "300 examples"."""
    return sizes(series.axis, [series.sizes[place]])


def sizes(axis: str, values: Sequence[float]) -> str:
    """Return e.g. "widths 16 and 64", "100, 200 and 300 examples"."""
    one, several = AXES[axis]
    listed = together([f"{value:,}" if axis == "dataset_size" else f"{value}" for value in values])
    return f"{listed} {one}" if axis == "dataset_size" else f"{one if len(values) == 1 else several} {listed}"


def together(words: Sequence[str]) -> str:
    """Return e.g. "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def seeds(n: int) -> str:
    """Return e.g. "3 seeds"."""
    return f"{n} seed" if n == 1 else f"{n} seeds"


def caveats(series: Series) -> list[str]:
    """Return what limits any verdict on `series`: runs left out, data that never changes, seeds that are not shared."""
    found = []
    if series.diverged:
        some, more = series.diverged[:3], len(series.diverged) - 3
        listed = together([*some, f"{more} more"] if more > 0 else list(some))
        verb = "runs diverged and are" if len(series.diverged) > 1 else "run diverged and is"
        found.append(f"{len(series.diverged)} {verb} left out: {listed}.")
    if len(series.units) > 1 and len(series.seed_values("data_seed")) == 1:
        found.append("All seeds share one data set: the interval says nothing of other data.")
    if not series.shared:
        found.append("No seed is there at two sizes: differences are not taken seed by seed.")
    return found


def capital(text: str) -> str:
    """Return `text` with its first letter large."""
    return text[:1].upper() + text[1:]


def listed(values: Sequence[str], most: int = 5) -> str:
    """Return e.g. "40, 40, 60", of many the first ones."""
    return ", ".join(values[:most]) + (", …" if len(values) > most else "")
