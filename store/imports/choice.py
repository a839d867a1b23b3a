"""What a person chooses about a source: which column has which use."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which column has which use; "" for none. Instead of a column: "name:" and text with {} for the number."""

    size: str
    loss: str
    size_is: str = "params"
    data: str = ""
    data_is: str = "examples"
    compute: str = ""
    seed: str = ""
    series: str = ""
    """Its values tell the curves of one collection apart."""
    step: str = ""
    """Where it is chosen, a row is a point of a run, not a run."""
    run: str = ""
    """Names the runs. Without it, in a table with steps, rows of equal size, seed, series and `keep` are one run."""
    keep: tuple[str, ...] = ()
    """Stored as well, as they are."""
    where: tuple[str, ...] = ()
    """Conditions on rows: COLUMN=VALUE or COLUMN!=VALUE."""
