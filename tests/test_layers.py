"""The house: which folder may import which, held by reading the imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"app", "engine", "store", "pages", "tests"}
ENTRY_POINTS = {"engine/__main__.py", "engine/queue_commands.py", "engine/verdict_commands.py", "pages/ui/services.py"}


def _modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written from the root"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _ours(path: Path) -> set[str]:
    return {name for name in _imports(path) if name.split(".")[0] in OURS}


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", _modules("engine"), ids=_id)
def test_the_engine_knows_nothing_else_of_ours(path: Path) -> None:
    allowed = ("engine", "store") if _id(path) in ENTRY_POINTS else ("engine",)
    assert all(name.split(".")[0] in allowed for name in _ours(path))
    assert not {"streamlit", "plotly", "duckdb"} & {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("path", _modules("store"), ids=_id)
def test_the_store_knows_the_spec_alone(path: Path) -> None:
    assert all(name.startswith(("store", "engine.spec")) or name == "engine" for name in _ours(path))
    assert not {"streamlit", "plotly", "torch"} & {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("path", _modules("pages"), ids=_id)
def test_pages_never_import_torch_or_sql(path: Path) -> None:
    assert not {"torch", "duckdb"} & {name.split(".")[0] for name in _imports(path)}
    assert not any(name.startswith("tests") for name in _ours(path))


@pytest.mark.parametrize(
    "name", ["figures", "size_figures", "laws/asked", "laws/figures", "laws/strokes", "laws/table", "laws/words"]
)
def test_figures_are_pure(name: str) -> None:
    names = set(_imports(ROOT / f"pages/ui/{name}.py"))
    assert not any(name.split(".")[0] in {"streamlit", "store", "torch"} for name in names)


def test_the_interface_never_loads_torch() -> None:
    code = (
        "import sys, engine.net.count, engine.plan, engine.runner, store.database, store.queries, store.runs\n"
        "from engine.spec import RunSpec\n"
        "from engine.net.count import count\n"
        "count(RunSpec())\n"
        "from engine.registry import names\n"
        "for name in names('datasets'): count(RunSpec(dataset=name))\n"
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_engine_trains_with_numpy_scikit_learn_and_torch_alone() -> None:
    code = (
        "import sys\n"
        "for name in ('duckdb', 'pandas', 'plotly', 'psutil', 'pyarrow', 'streamlit', 'tqdm'):\n"
        "    sys.modules[name] = None\n"
        "import engine.bench, engine.memory, engine.plan\n"
        "from engine.spec import RunSpec\n"
        "from engine.train import train\n"
        "for points in train((RunSpec(width=2, steps=3),)): pass"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("path", [p for folder in sorted(OURS - {"app"}) for p in _modules(folder)], ids=_id)
def test_a_file_says_what_it_owns_and_fits_the_house(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "the first line says what the module owns"
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            assert node.end_lineno - node.lineno < 60, f"{node.name} is longer than a screen"
