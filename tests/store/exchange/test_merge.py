"""Packs merged into stores: in any order, twice, beside workers, and killed."""

import itertools
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.exchange import merge, pack
from store.library import catalog, sweeps
from store.results import queries, runs
from store.results.rows import as_table
from store.results.spool import Spool, ingest
from tests import homes
from tests.store.exchange.packs import OTHER, content, export
from tests.store.fakes import RUNS, SWEEP, listed, result, start


def test_importing_twice_changes_nothing(db: Database, file: Path, fresh: Database) -> None:
    for store in (fresh, db):
        merge.import_pack(store, pack.read(file))
        before = content(store)
        assert merge.import_pack(store, pack.read(file)) == (0, 0)
        assert content(store) == before


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param([(0, 1, 2), (1, 2, 0), (2, 0, 1)], id="any two both ways"),
        pytest.param(list(itertools.permutations(range(3))), id="all", marks=pytest.mark.long),
    ],
)
def test_packs_of_three_machines_give_one_store_in_every_order(
    tmp_path: Path, db: Database, orders: list[tuple[int, ...]]
) -> None:
    packs = []
    for place, (sweep, name) in enumerate([(SWEEP, "Same name"), (OTHER, "Same name"), (SWEEP, "Another name")]):
        made = homes.fresh(tmp_path / f"machine{place}")
        sweeps.save_sweep(made, sweep, name)
        # The same spec, but other seconds: two machines.
        Spool(made, "w").put([result(run, seconds=1.0 + place, device=f"cpu {place}") for run in sweep.runs()])
        packs.append(pack.read(export(made, tmp_path / f"{place}.scalescope")))
    contents = []
    for number, order in enumerate(orders):
        merged = homes.fresh(tmp_path / f"merged{number}")
        for place in order:
            merge.import_pack(merged, packs[place])
        contents.append(content(merged))
    assert all(content == contents[0] for content in contents)
    assert set(queries.runs_at(merged, RUNS)["seconds"]) == {1.0}, "that of the machine which made them first wins"
    assert sorted(listed(merged)["name"]) == ["Same name", "Same name (2)"]


def test_at_the_same_moment_the_order_decides_nothing_either(
    tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = []
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    for place in range(2):
        made = homes.fresh(tmp_path / f"machine{place}")
        Spool(made, "w").put([result(RUNS[0], seconds=2.0 - place)])
        packs.append(pack.read(export(made, tmp_path / f"{place}.scalescope")))
    contents = []
    for number, order in enumerate((packs, packs[::-1])):
        merged = homes.fresh(tmp_path / f"merged{number}")
        for read in order:
            merge.import_pack(merged, read)
        contents.append(content(merged))
    assert contents[0] == contents[1]


def test_a_name_given_here_and_a_run_with_predictions_stay(file: Path, fresh: Database) -> None:
    Spool(fresh, "w").put([result(RUNS[0], seconds=9.0, predictions=b"mine")])
    merge.import_pack(fresh, pack.read(file))
    assert runs.missing(fresh, RUNS) == []
    with fresh.reading() as con:
        found = con.execute("SELECT seconds, predictions FROM runs JOIN outcomes USING (run_id)").fetchall()
    assert found == [(9.0, b"mine")]
    sweeps.rename_sweep(fresh, SWEEP.key, "Renamed")
    merge.import_pack(fresh, pack.read(file))
    assert list(listed(fresh)["name"]) == ["Renamed"]


def test_notes_and_tags_given_here_stay_in_every_order(tmp_path: Path, db: Database) -> None:
    packs = []
    for place, sweep in enumerate((SWEEP, OTHER)):
        made = homes.fresh(tmp_path / f"machine{place}")
        Spool(made, "w").put([result(run, seconds=1.0 + place) for run in sweep.runs()])
        sweeps.save_sweep(made, sweep, "Theirs")
        catalog.set_note(made, sweep.key, "Theirs alone: a pack carries no notes.")
        packs.append(pack.read(export(made, tmp_path / f"{place}.scalescope")))

    def mine_here(db: Database) -> None:
        sweeps.save_sweep(db, SWEEP, "Mine")
        catalog.set_note(db, SWEEP.key, "my note")
        catalog.add_tags(db, SWEEP.key, ["one", "two"])
        catalog.archive(db, SWEEP.key, True)

    contents = []
    for number, order in enumerate((packs, packs[::-1])):
        merged = homes.fresh(tmp_path / f"merged{number}", mine_here)
        for read in order:
            merge.import_pack(merged, read)
        contents.append(content(merged))
        mine, theirs = catalog.describe(merged, SWEEP.key), catalog.describe(merged, OTHER.key)
        assert (mine["name"], mine["note"], mine["tags"], mine["archived"]) == ("Mine", "my note", ["one", "two"], True)
        assert (theirs["name"], theirs["note"], theirs["tags"], theirs["archived"]) == ("Theirs", "", [], False)
    assert contents[0] == contents[1]


def _packs(folder: Path, count: int) -> list[tuple[Path, SweepSpec]]:
    """So many packs of one sweep each, no run in two of them."""
    made = []
    for width in range(1, 1 + count):
        sweep = SweepSpec.of({"width": width, "seed": tuple(range(8)), "steps": 100})
        rows = as_table([(10**15, result(run)) for run in sweep.runs()])
        path = folder / f"{width}.scalescope"
        pack.write(path, rows, [pack.PackedSweep(spec=sweep, name=f"width {width}", created=10**15)])
        made.append((path, sweep))
    return made


def _import_all(home: Path, files: Sequence[Path]) -> None:
    with (home.parent / "acks").open("a") as acks:
        for path in files:
            merge.import_pack(Database(home), pack.read(path))
            acks.write(f"{path}\n")
            acks.flush()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [5, pytest.param(100, marks=pytest.mark.long)])
def test_kills_leave_all_of_a_pack_or_nothing_beside_a_worker(
    fresh: Database, tmp_path: Path, chance: random.Random, count: int
) -> None:
    packs = _packs(tmp_path, count)
    acks = tmp_path / "acks"
    acks.touch()
    trained: list[RunSpec] = []
    start(time.sleep, 0).join()  # brings the server up
    kills, left, pace = 0, count, 1.0
    while files := [path for path, _ in packs if str(path) not in acks.read_text().split()]:
        pace, left = pace if len(files) < left else 1.5 * pace, len(files)  # a slow machine takes in none so soon
        process = start(_import_all, fresh.home, files)
        time.sleep(chance.uniform(0.05, 0.3) * pace)
        worker = Spool(fresh, "w")
        trained.append(RUNS[0] if not trained else OTHER.runs()[len(trained) % 4])
        worker.put([result(trained[-1])])
        worker.close()
        ingest(fresh)
        process.kill()
        process.join()
        assert runs.missing(fresh, trained) == []
        kills += 1
        with fresh.reading() as con:
            named = {key for (key,) in con.execute("SELECT sweep_id FROM sweeps").fetchall()}
            there = {key for (key,) in con.execute("SELECT key FROM runs JOIN curves USING (run_id)").fetchall()}
        for path, sweep in packs:
            found = len(there & {run.key for run in sweep.runs()})
            assert found == (8 if sweep.key in named else 0)
            assert found == 8 or str(path) not in acks.read_text().split()
    assert kills > 0
