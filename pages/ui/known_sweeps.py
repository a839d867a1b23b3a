"""Sweeps that a page offers by name: the presets, and those that were saved."""

from functools import cache

from engine.spec import registry
from engine.spec.sweep import SweepSpec
from pages.ui import link, reads
from pages.ui.grid import grid
from store.db.connection import Database


@cache
def presets() -> dict[str, str]:
    """Return the name of each preset by the key of its sweep."""
    return {link.preset(name).key: name for name in registry.names("presets")}


def offered(db: Database, key: str) -> tuple[dict[str, str], int, int]:
    """Return titles by key of presets, of the newest saved sweeps and of `key`; how many are saved of how many."""
    titles, total = reads.titles(db)
    newest = len(titles)
    if key not in titles and total > newest:  # an older one: its key finds it
        titles = titles | reads.titles(db, key)[0]
    options = {key: registry.preset(name).title for key, name in presets().items()}
    return options | {key: title for key, title in titles.items() if key not in options}, newest, total


def load(db: Database, key: str) -> SweepSpec:
    """Return the preset or the saved sweep of this key. Raises: StoreError: where there is none."""
    name = presets().get(key)
    return link.preset(name) if name else reads.saved(db, key)


def finding(sweep: SweepSpec) -> str:
    """Return what the curve of a preset shows, and where that comes from; "" for any other sweep."""
    name = presets().get(grid(sweep).key)
    if name is None:
        return ""
    preset = registry.preset(name)
    return f"{preset.finding} ({preset.source.rstrip('.')})"
