"""Names of sweeps: made from their settings, or given by a person."""

from collections.abc import Collection

from engine.base.language import _, _n, begun_small
from engine.spec.sweep import SweepSpec, knobs_for

MAX_NAME = 120
"""Most characters of a name."""
MAX_NOTE = 10_000
"""Most characters of a note."""
_SHARES = ("label_noise", "dropout")
"""Settings that are said in percent."""
_COUNTS = ("dataset_size", "steps")
"""Settings whose value comes before their label: 100 steps."""


def describe(sweep: SweepSpec) -> str:
    """Return a name of the settings that differ from the defaults: "MLP on digits, width 4–512, 3 seeds"."""
    settings = dict(sweep.settings)
    declared = knobs_for(settings)
    archs = "/".join(str(name).upper() for name in sweep.values("arch"))
    datasets = "/".join(str(name) for name in sweep.values("dataset"))
    named = [n for n in declared if n in settings and n not in ("arch", "dataset", "seed")]
    named.sort(key=lambda name: declared[name].group != "Architecture")
    parts = [_part(name, declared[name].label, settings[name]) for name in named]
    seeds = settings.get("seed", ())
    if seeds:
        several = len(seeds) > 1
        parts.append(_n("{n} seed", "{n} seeds", len(seeds)) if several else _("seed {seed}", seed=seeds[0]))
    name = ", ".join([_("{archs} on {datasets}", archs=archs, datasets=datasets), *parts])
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def unique(name: str, taken: Collection[str]) -> str:
    """Return `name`, with a number after it where it is taken."""
    tried, number = name, 1
    while tried in taken:
        number += 1
        tail = f" ({number})"
        tried = name[: MAX_NAME - len(tail)] + tail
    return tried


def checked(name: str) -> str:
    """Return the name without spaces around it. Raises: ValueError: for an empty, too long or many-lined one."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        shown = name if len(name) <= 40 else name[:37] + "..."
        raise ValueError(
            _("name={name!r} is not possible; allowed: one line of 1 to {most} characters.", name=shown, most=MAX_NAME)
        )
    return name


def checked_note(note: str) -> str:
    """Return the note without spaces around it. Raises: ValueError: for one that is too long."""
    note = note.strip()
    if len(note) > MAX_NOTE:
        raise ValueError(_("note has {count} characters; allowed: up to {most}.", count=len(note), most=MAX_NOTE))
    return note


def _part(name: str, label: str, values: tuple[int | float | str, ...]) -> str:
    label = begun_small(label) if label[1:2].islower() else label
    numbers = [float(v) for v in values if not isinstance(v, str)]
    if not numbers:
        return _("{label} {values}", label=label, values="/".join(map(str, values)))
    low, high = (f"{100 * v if name in _SHARES else v:.12g}" for v in (min(numbers), max(numbers)))
    span = low if low == high else f"{low}–{high}"
    if name in _SHARES:
        return _("{span} % {label}", span=span, label=label)
    if name in _COUNTS:
        return _("{count} {label}", count=span, label=label)
    return _("{label} {values}", label=label, values=span)
