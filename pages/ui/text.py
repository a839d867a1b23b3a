"""Words and number formats that pages share: 12.3k params, 4.5e9 FLOPs, 38 s."""

import re
import string
from collections.abc import Iterable, Sequence

from engine.base.language import _
from engine.spec.knob import Value


def count(number: float) -> str:
    """Return a count in at most four signs: 950, 12.3k, 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:  # 999,999 is 1M, not 1000k
            return f"{number / size:.3g}{letter}"
    return f"{number:.0f}"


def flops(number: float) -> str:
    """Return floating-point operations as 4.5e9 FLOPs."""
    if number < 1:
        return _("{number} FLOPs", number="0")
    mantissa, exponent = f"{number:.1e}".split("e")  # 9.98e8 is 1.0e9, not 10.0e8
    return _("{number} FLOPs", number=f"{mantissa}e{int(exponent)}")


def duration(seconds: float) -> str:
    """Return a time as one says it: under a second, 38 s, 1 min 50 s, 2 h 5 min."""
    if seconds < 1:
        return _("under a second")
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if whole < 60:
        return _("{seconds} s", seconds=whole)
    if whole >= 3600:
        return _("{hours} h {minutes} min", hours=hours, minutes=minutes)
    if whole % 60:
        return _("{minutes} min {seconds} s", minutes=minutes, seconds=whole % 60)
    return _("{minutes} min", minutes=minutes)


def about(seconds: float) -> str:
    """Return a time that is predicted: under a second, about 38 s."""
    said = duration(seconds)
    return said if seconds < 1 else _("about {duration}", duration=said)


def between(low: float, high: float) -> str:
    """Return 290–37.4k, or one of them where they are equal."""
    return count(low) if low == high else f"{count(low)}–{count(high)}"


def values(given: Sequence[Value]) -> str:
    """Return values as links and the command line write them: 16, or 4,6,8, or 0..9. Knob.parse reads it."""
    whole = [v for v in given if isinstance(v, int)]
    if len(whole) == len(given) > 2 and whole == list(range(whole[0], whole[0] + len(whole))):
        return f"{whole[0]}..{whole[-1]}"
    return ",".join(value(v) for v in given)


def value(given: Value) -> str:
    """Return one value in full: 0.005, 3000, adamw."""
    return repr(given).removesuffix(".0") if isinstance(given, float) else str(given)


def listed(words: Iterable[str], most: int = 4) -> str:
    """Return "a, b and c"; beyond `most`, "a, b and 7 more"."""
    shown = list(words)
    if len(shown) > most:
        shown = [*shown[: most - 1], _("{n} more", n=len(shown) - most + 1)]
    if len(shown) < 2:
        return "".join(shown)
    return _("{words} and {last}", words=", ".join(shown[:-1]), last=shown[-1])


def capital(words: str) -> str:
    """Return `words` with a capital at the beginning, and the rest as it is."""
    return words[:1].upper() + words[1:]


def literal(given: str) -> str:
    """Return what Markdown shows as `given`, letter for letter, in one line: no link, picture, formula or icon."""
    unlinked = re.sub(r"://|www\.|@", lambda found: f"{found[0][:-1]}\u2060{found[0][-1]}", " ".join(given.split()))
    return re.sub(f"([{re.escape(string.punctuation)}])", r"\\\1", unlinked)
