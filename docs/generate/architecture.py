"""The page of the tree: every folder and file with what it owns, and which folder imports which."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs.generate.markdown import code, joined, table

ROOT = Path(__file__).parent.parent.parent
HOUSE = ("engine", "store", "pages")
"""The folders whose files are listed; of docs and tests the folders alone."""
AROUND = ("docs", "tests")
SUFFIXES = {".py", ".js", ".cpp", ".h"}

INTRODUCTION = """\
# Architecture

The engine trains, and knows no screen and no database. The store remembers, and knows of the engine only what a run is.
The pages show, and know both. A test reads the imports and holds this.

The data goes one way, and a page shows these calls in this order:

    widget → SweepSpec → runs() → store.missing → queue.submit → plan → train(bucket) yields → spool file → ingest()
           → queries.x() → views.x() → chart

Each file stands here with the first sentence that it says of itself."""


def page() -> str:
    """Return the page."""
    top = sorted(path for path in ROOT.glob("*.py"))
    parts = ["## The entry points", _files(top)]
    for folder in HOUSE:
        for room in _rooms(ROOT / folder):
            parts += [f"## {_name(room)}/", _about(room), _files(_listed(room))]
    parts += ["## Beside the house", table(("folder", "what it owns"), _beside())]
    parts += ["## Who imports whom", IMPORTS, table(("folder", "imports"), _imports())]
    return joined(INTRODUCTION, *parts)


IMPORTS = """\
Folders, and the folders that their files import when they are loaded or run. Imports for types alone are left out."""


def _rooms(folder: Path) -> Iterator[Path]:
    """Yield `folder` and the folders within it that hold code, each before its own."""
    if any(path.suffix in SUFFIXES for path in folder.rglob("*")):
        yield folder
        for inner in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"):
            yield from _rooms(inner)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _listed(room: Path) -> list[Path]:
    return sorted(path for path in room.iterdir() if path.suffix in SUFFIXES and path.name != "__init__.py")


def _files(paths: list[Path]) -> str:
    return table(("file", "what it owns"), ((code(path.name), says(path)) for path in paths)) if paths else ""


def _about(room: Path) -> str:
    return says(room / "__init__.py") if (room / "__init__.py").exists() else ""


def _beside() -> Iterator[tuple[str, str]]:
    for top in AROUND:
        for room in _rooms(ROOT / top):
            text = _about(room)
            if text or room.parent == ROOT:
                yield code(f"{_name(room)}/"), text
    yield code("store/gallery/"), "The results that ship, with machine, versions and seconds beside them."


def says(path: Path) -> str:
    """Return the first paragraph of what a file says of itself: of its docstring, or of the comment at its top."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return " ".join((ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0].split())
    comment = re.match(r"(?:// ?.*\n)+|/\*.*?\*/", text, flags=re.DOTALL if text.startswith("/*") else 0)
    lines = re.sub(r"^(//+|/?\*+/?)", "", comment[0], flags=re.MULTILINE).splitlines() if comment else []
    paragraph = "\n".join(line.strip() for line in lines).strip().partition("\n\n")[0]
    return " ".join(paragraph.split())


def _imports() -> Iterator[tuple[str, str]]:
    for folder in HOUSE:
        for room in _rooms(ROOT / folder):
            own = _name(room)
            found = {_room(name) for path in sorted(room.glob("*.py")) for name in _imported(path)}
            rooms = sorted(name for name in found if name and name != own)
            yield code(own), ", ".join(code(name) for name in rooms) or "nothing of ours"


def _imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, but for those that only types need."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _room(module: str) -> str:
    """Return the folder that a name to import lies in, e.g. engine/net of engine.spec.count.count; "" if not ours."""
    parts = module.split(".")
    if parts[0] not in HOUSE:
        return ""
    while parts and not (ROOT.joinpath(*parts).with_suffix(".py").exists() or ROOT.joinpath(*parts).is_dir()):
        parts.pop()
    path = ROOT.joinpath(*parts)
    return _name(path if path.is_dir() else path.parent)
