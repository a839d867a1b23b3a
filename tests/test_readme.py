"""The README names every file and every command there is."""

import re
from pathlib import Path

import pytest

import engine.commands.main
import store.commands.main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
FILES = [p for folder in ("engine", "store", "pages") for p in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "__init__.py"], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_stands_in_the_tree(path: Path) -> None:
    tree = README.partition("## The tree")[2].partition("## Conventions")[0]
    assert re.search(rf"\b{re.escape(path.name)}\b", tree)


def test_every_file_of_the_tree_exists() -> None:
    tree = README.partition("## The tree")[2].partition("## Conventions")[0]
    there = {p.name for p in ROOT.rglob("*") if ".venv" not in p.parts}
    assert set(re.findall(r"[\w-]+\.(?:py|js)\b", tree)) - {"plotly.js"} <= there


def test_its_picture_is_there() -> None:
    assert all((ROOT / path).is_file() for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README))


def test_its_make_targets_and_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"^ +make (\w+)", README, flags=re.MULTILINE)) <= targets
    for folder, command in set(re.findall(r"python -m (engine|store) (\w+)", README)):
        with pytest.raises(SystemExit) as ended:
            {"engine": engine.commands.main.main, "store": store.commands.main.main}[folder]([command, "--help"])
        assert ended.value.code == 0, command
        assert f"python -m {folder} {command}" in capsys.readouterr().out
