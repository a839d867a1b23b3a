"""Made-up tables of runs, shaped as store.results.queries.runs_at gives them."""

import pandas as pd


def runs(*rows: dict[str, object]) -> pd.DataFrame:
    """Return a table with one row per dict; what a dict leaves out is usual."""
    usual = {
        "key": "k",
        "series": "",
        "width": 4,
        "depth": 1,
        "seed": 0,
        "dataset_size": 100,
        "params": 40,
        "state": "finished",
        "error": "",
        **{f"{split}_{scale}": 0.5 for split in ("train", "val", "test") for scale in ("loss", "error", "accuracy")},
    }
    return pd.DataFrame([usual | row for row in rows])
