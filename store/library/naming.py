"""Names of sweeps: made from what was trained, or given by a person."""

from collections.abc import Collection

from engine.spec.sweep import SweepSpec, knobs_for

MAX_NAME = 120
MAX_NOTE = 10_000
"""Characters of a note."""
_SHARES = ("label_noise", "dropout")
_COUNTS = ("dataset_size", "steps")


def describe(sweep: SweepSpec) -> str:
    """Return what differs from the defaults: "MLP on digits, width 4–512, 20 % label noise, 3 seeds"."""
    settings = dict(sweep.settings)
    declared = knobs_for(settings)
    archs = "/".join(str(name).upper() for name in sweep.values("arch"))
    datasets = "/".join(str(name) for name in sweep.values("dataset"))
    named = [n for n in declared if n in settings and n not in ("arch", "dataset", "seed")]
    named.sort(key=lambda name: declared[name].group != "Architecture")
    parts = [_part(name, declared[name].label, settings[name]) for name in named]
    seeds = settings.get("seed", ())
    if seeds:
        parts.append(f"{len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}")
    name = ", ".join([f"{archs} on {datasets}", *parts])
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def unique(name: str, taken: Collection[str]) -> str:
    """Return `name`, with a number behind it where it is taken."""
    tried, number = name, 1
    while tried in taken:
        number += 1
        tail = f" ({number})"
        tried = name[: MAX_NAME - len(tail)] + tail
    return tried


def checked(name: str) -> str:
    """Return the name without spaces around it. Raises: ValueError: for an empty, long or many-lined one."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        shown = name if len(name) <= 40 else name[:37] + "..."
        raise ValueError(f"name={shown!r} is not possible; allowed: one line of 1 to {MAX_NAME} characters.")
    return name


def checked_note(note: str) -> str:
    """Return the note without spaces around it. Raises: ValueError: for one that is too long."""
    note = note.strip()
    if len(note) > MAX_NOTE:
        raise ValueError(f"note has {len(note)} characters; allowed: up to {MAX_NOTE}.")
    return note


def _part(name: str, label: str, values: tuple[int | float | str, ...]) -> str:
    label = label[0].lower() + label[1:] if label[1:2].islower() else label
    numbers = [float(v) for v in values if not isinstance(v, str)]
    if not numbers:
        return f"{label} {'/'.join(map(str, values))}"
    low, high = (f"{100 * v if name in _SHARES else v:.12g}" for v in (min(numbers), max(numbers)))
    span = low if low == high else f"{low}–{high}"
    if name in _SHARES:
        return f"{span} % {label}"
    return f"{span} {label}" if name in _COUNTS else f"{label} {span}"
