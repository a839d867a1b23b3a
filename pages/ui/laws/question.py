"""What is asked of runs on the page Scaling laws: the law, and what it is fitted to; as links write it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from engine.base.language import _
from engine.laws import catalog
from engine.laws.broken import MOST_BREAKS
from pages.ui.address import taken

SHARES = ("error", "accuracy")
MEASURES = tuple(f"{split}_{scale}" for split in ("test", "val") for scale in ("loss", *SHARES))
SIZES = ("params", "params_non_embedding", "dataset_size")
"""What n is: of a law of one thing alone it may be the number of training examples too."""
AMOUNTS = ("seen", "unique", "flops", "data")
"""Where data come from: examples seen, training examples, FLOPs (D = C/6N); of a table, its column of data."""
FACTORS = (2, 10, 100)
"""How much further than what was seen a forecast is asked for."""
MOST_DROPPED = 1000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The law, and what it is fitted to."""

    law: str = "power"
    y: str = "test_loss"
    """A name of MEASURES."""
    n: str = ""
    """A name of SIZES; "" for the first that varies."""
    d: str = ""
    """A name of AMOUNTS; "" for the first that varies."""
    curve: str = ""
    """Which of several curves, by name; "" for the first."""
    breaks: int = 1
    drop: int = 0
    """How many of the largest losses are left out."""
    more: int = 10
    """A number of FACTORS."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What the law takes: n, and perhaps d and unique."""
        return catalog.FORMS[self.law].inputs if self.law in catalog.FORMS else ("n", "d")

    @property
    def of_budgets(self) -> bool:
        """Whether the law gives the best size for a budget, and the loss at that size alone."""
        return self.law not in catalog.FORMS

    @property
    def of_curves(self) -> bool:
        """Whether the points of runs' curves are fitted, and not their ends."""
        return self.law == "envelope"


NAMES = tuple(f.name for f in fields(Asked))


def read(params: dict[str, str]) -> tuple[Asked, list[str]]:
    """Take out of `params` what is asked; return it, and sentences on what cannot be had."""
    found, problems = taken(params, NAMES, _read)
    return replace(Asked(), **found), problems


def written(asked: Asked) -> dict[str, str]:
    """Return the parameters from which `read` gives it again; the law always."""
    default = Asked()
    named = [name for name in NAMES if name == "law" or getattr(asked, name) != getattr(default, name)]
    return {name: str(getattr(asked, name)) for name in named}


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "law": catalog.LAWS,
    "y": MEASURES,
    "n": SIZES,
    "d": AMOUNTS,
    "more": tuple(map(str, FACTORS)),
    "breaks": tuple(str(number) for number in range(1, MOST_BREAKS + 1)),
}


def _read(name: str, given: str) -> str | int:
    if name == "curve":
        return given[:500]
    if name == "drop":
        if not given.isdecimal() or int(given[:9]) > MOST_DROPPED:
            raise ValueError(
                _(
                    "drop={value} is not possible; allowed: a whole number from 0 to {most}.",
                    value=given[:40],
                    most=MOST_DROPPED,
                )
            )
        return int(given)
    if given not in _CHOICES[name]:
        raise ValueError(
            _(
                "{name}={value} is not possible; allowed: one of {allowed}.",
                name=name,
                value=given[:40],
                allowed=", ".join(_CHOICES[name]),
            )
        )
    return int(given) if name in ("more", "breaks") else given
