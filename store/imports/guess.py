"""Guesses from the headers of a source which column is the size and which the loss."""

import re

import numpy as np
import pyarrow.compute as pc

from store.imports import cells
from store.imports.choice import Choice
from store.imports.sources.source import Raw

# Headers as people write them, in letters and digits alone; the first that is there is taken.
_SIZES = ["n", "params", "nparams", "numparams", "parameters", "numparameters", "nparameters"]
_SIZES += ["paramcount", "modelsize", "size"]
_WIDTHS = ["width", "hidden", "hiddensize", "hiddendim", "dmodel", "nembd", "channels", "units"]
_TOKENS = ["d", "tokens", "ntokens", "numtokens", "trainingtokens", "traintokens", "tokensseen"]
_EXAMPLES = ["data", "examples", "nexamples", "samples", "datasetsize", "ntrain", "examplesseen"]
_LOSSES = ["loss", "finalloss", "valloss", "lossval", "testloss", "losstest", "evalloss", "losseval", "validloss"]
_LOSSES += ["validationloss", "value", "trainloss"]
_OTHERS = {
    "compute": ["c", "flops", "flop", "trainingflops", "trainingflop", "trainflops", "compute"],
    "seed": ["seed", "randomseed"],
    "step": ["step", "globalstep", "trainstep", "iteration", "iter"],
    "run": ["run", "runid", "runname", "trial", "name", "model"],
}
_PREFIXES = re.compile(r"^(params?|metrics?|hparams?|config|user_attrs|summary)[_./]+", re.IGNORECASE)


def guess(raw: Raw) -> Choice:
    """Return the choice that the headers suggest; size and loss are "" where no header fits."""
    headers: dict[str, str] = {}
    for name in raw.table.column_names:
        for text in (name, _PREFIXES.sub("", name)):
            headers.setdefault(re.sub(r"[^a-z0-9]", "", text.lower()), name)

    def first(names: list[str]) -> str:
        return next((headers[name] for name in names if name in headers), "")

    size, width, tokens = first(_SIZES), first(_WIDTHS), first(_TOKENS)
    others = {use: first(names) for use, names in _OTHERS.items()}
    if raw.numbers is None:  # its runs have names, and curves of their own
        others |= {"run": "", "step": ""}
    elif not others["step"] and others["run"] and _repeats(raw, others["run"]):
        others["run"] = ""
    return Choice(
        size=size or width,
        size_is="width" if width and not size else "params",
        loss=first(_LOSSES),
        data=tokens or first(_EXAMPLES),
        data_is="tokens" if tokens else "examples",
        compute=others["compute"],
        seed=others["seed"],
        step=others["step"],
        run=others["run"],
    )


def numeric(raw: Raw) -> list[str]:
    """Return the columns that hold a number in at least one row."""
    return [name for name in raw.table.column_names if np.isfinite(cells.numbers(raw, name).values).any()]


def _repeats(raw: Raw, column: str) -> bool:
    return bool(pc.count_distinct(raw.table[column]).as_py() < raw.table.num_rows)
