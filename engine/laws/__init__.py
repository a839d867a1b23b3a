"""Scaling laws: fits with intervals that test themselves, on numpy and SciPy alone; usable as a library.

    from engine.laws import fit, for_budget, observe

    found = fit("chinchilla", observe(n, loss, c=flops))  # arrays or lists: a number per run
    print(found.estimates, found.intervals, found.refusals)
    print(for_budget(found, 1e21).n)

`observe` takes a table and drops what cannot be fitted, `fit` fits one law of LAWS, `compare` ranks several by their
error on held-out rows, and `for_budget`, `for_data` and `for_loss` say what to train. Bad input raises a ValueError
that names the field, its value and what is allowed. A name is imported when it is first used, so that importing this
package alone loads neither numpy nor SciPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.laws.catalog import FORMS, LAWS, Ranked, comparable, compare, fit
    from engine.laws.form import Form
    from engine.laws.observations import Dropped, Observations, observe
    from engine.laws.optimum import Plan, Smallest, for_budget, for_data, for_loss, smallest_within_one_error
    from engine.laws.parametric import fit_form
    from engine.laws.result import Fit, Forecast, HeldOut

__all__ = [
    "FORMS",
    "LAWS",
    "Dropped",
    "Fit",
    "Forecast",
    "Form",
    "HeldOut",
    "Observations",
    "Plan",
    "Ranked",
    "Smallest",
    "comparable",
    "compare",
    "fit",
    "fit_form",
    "for_budget",
    "for_data",
    "for_loss",
    "observe",
    "smallest_within_one_error",
]
_MODULES = {
    "catalog": ("FORMS", "LAWS", "Ranked", "comparable", "compare", "fit"),
    "form": ("Form",),
    "observations": ("Dropped", "Observations", "observe"),
    "optimum": ("Plan", "Smallest", "for_budget", "for_data", "for_loss", "smallest_within_one_error"),
    "parametric": ("fit_form",),
    "result": ("Fit", "Forecast", "HeldOut"),
}
"""The public names by module; none is the name of a module, which would hide it."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
