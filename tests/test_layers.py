"""The house: which room may import which, held by reading the imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENGINE = (
    *("engine", "engine/base", "engine/spec", "engine/archs", "engine/presets", "engine/data", "engine/datasets"),
    *("engine/net", "engine/net/kernel", "engine/plan", "engine/train", "engine/queue"),
    *("engine/laws", "engine/verdicts", "engine/bench"),
)
STORE = ("store/db", "store/results", "store/library", "store/exchange", "store/imports/sources", "store/imports")
COMMANDS = ("store", "store/commands", "engine/commands")
PAGES = (
    *("pages/ui", "pages/ui/views", "pages/ui/imports", "pages/ui/explore", "pages/ui/compare"),
    *("pages/ui/laws", "pages/ui/library", "pages"),
)
ROOMS = (*ENGINE, *STORE, *COMMANDS, *PAGES, "app")
"""From bottom to top: a room imports from itself and from rooms that stand before it."""


def _modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder} is no folder of modules"
    return found


OURS = [*(path for folder in ("engine", "store", "pages") for path in _modules(folder)), ROOT / "app.py"]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Return what is imported anywhere in a file; of `from a import b` that is a.b, where b is a module, else a."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written from the root"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in names if _file(name)]
            yield from modules
            if len(modules) < len(names):
                yield node.module or ""


@cache
def _file(module: str) -> Path | None:
    """Return the file of one of our modules; None for anything else."""
    path = ROOT.joinpath(*module.split("."))
    return next((found for found in (path.with_suffix(".py"), path / "__init__.py") if found.exists()), None)


def _ours(path: Path) -> list[Path]:
    return [found for name in _imports(path) if (found := _file(name))]


def _room(path: Path) -> str:
    """Return the room of a file: its folder. What stands in `__main__` belongs to the commands that it starts."""
    if path == ROOT / "app.py":
        return "app"
    folder = str(path.parent.relative_to(ROOT))
    return f"{folder}/commands" if path.name == "__main__.py" else folder


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


def test_every_folder_of_code_is_a_room_of_the_house() -> None:
    assert {_room(path) for path in OURS} == set(ROOMS)


def test_a_room_imports_only_from_rooms_below() -> None:
    place = {room: number for number, room in enumerate(ROOMS)}
    assert [(_id(a), _id(b)) for a in OURS for b in _ours(a) if place[_room(b)] > place[_room(a)]] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    list(TopologicalSorter({path: _ours(path) for path in OURS}).static_order())  # raises CycleError


def test_the_engine_knows_no_screen_no_database_and_its_commands_alone_know_the_store() -> None:
    for path in _modules("engine"):
        allowed = ("engine", "store") if _room(path) == "engine/commands" else ("engine",)
        assert all(_room(found).startswith(allowed) for found in _ours(path)), path
        assert not {"streamlit", "plotly", "duckdb"} & _tops(path), path


def test_a_spec_is_data_alone() -> None:
    for path in _modules("engine/spec"):
        assert {_room(found) for found in _ours(path)} <= {"engine/base", "engine/spec"}, path
        assert not {"torch", "sklearn", "scipy"} & _tops(path), path


def test_what_every_room_stands_on_needs_the_standard_library_alone() -> None:
    for path in _modules("engine/base"):
        assert _tops(path) - set(sys.stdlib_module_names) <= {"engine"}, path


def test_laws_and_verdicts_stand_on_numpy_and_scipy_alone() -> None:
    for path in _modules("engine/laws") + _modules("engine/verdicts"):
        assert _tops(path) - set(sys.stdlib_module_names) <= {"engine", "numpy", "scipy"}, path


def test_the_store_knows_the_spec_alone() -> None:
    for path in _modules("store"):
        rooms = {_room(found) for found in _ours(path)}
        assert all(room.startswith("store") or room in ("engine/base", "engine/spec") for room in rooms), path
        assert not {"streamlit", "plotly", "torch"} & _tops(path), path


def test_pages_never_import_torch_or_sql() -> None:
    for path in _modules("pages"):
        assert not {"torch", "duckdb", "tests"} & _tops(path), path


PURE = ["address", "summary", "text", "compare/differences", "laws/question", "laws/table", "laws/words"]


def test_figures_tables_and_words_are_pure() -> None:
    for path in [*_modules("pages/ui/views"), *(ROOT / f"pages/ui/{name}.py" for name in PURE)]:
        assert not {"streamlit", "store"} & _tops(path), path


def test_the_interface_never_loads_torch_nor_a_command_what_it_may_not_need() -> None:
    code = (
        "import sys, engine.queue.jobs, store.home, store.results.queries, store.results.runs\n"
        "from engine.plan import buckets, memory\n"
        "from engine.spec.count import count\n"
        "from engine.spec.registry import names\n"
        "from engine.spec.run import RunSpec\n"
        "for name in names('datasets'): count(RunSpec(dataset=name)), memory.needed(RunSpec(dataset=name, steps=3))\n"
        "for run in (RunSpec(), RunSpec(budget=1e9)): buckets.predicted_seconds([run], 1)\n"
        "import engine.commands.main, engine.verdicts.claims\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'scipy.optimize', 'scipy.special')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_engine_trains_with_numpy_scikit_learn_and_torch_alone() -> None:
    code = (
        "import sys\n"
        "others = 'duckdb pandas psutil pyarrow streamlit plotly tqdm'\n"
        "sys.modules.update(dict.fromkeys(others.split()))\n"
        "import engine.bench.bench, engine.plan.buckets, engine.plan.memory\n"
        "from engine.spec.run import RunSpec\n"
        "from engine.train.loop import train\n"
        "for points in train((RunSpec(width=2, steps=3),)): pass"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_file_says_what_it_owns_and_fits_the_house() -> None:
    for path in [*OURS, *_modules("tests")]:
        text = path.read_text()
        tree = _tree(path)
        assert ast.get_docstring(tree), f"{path}: the first line says what the module owns"
        assert text.count("\n") <= 300, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                assert node.end_lineno - node.lineno < 60, f"{path}: {node.name} is longer than a screen"
