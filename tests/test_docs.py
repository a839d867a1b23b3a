"""README and docs/ say what the code says: generated pages are fresh, links lead somewhere, commands exist."""

import re
import shlex
from pathlib import Path

import pytest

from docs.generate import presets
from docs.generate.__main__ import DOCS, PAGES
from docs.generate.architecture import HOUSE
from docs.generate.markdown import MADE
from engine.commands.main import main as engine_main
from engine.spec import registry
from engine.spec.sweep import SweepSpec
from engine.verdicts.claims import judge
from store.commands.main import main as store_main

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BY_HAND = [README, *sorted(path for path in DOCS.glob("*.md") if path.name not in PAGES)]
EVERY = [README, *sorted(DOCS.glob("*.md"))]
SOURCES = ("*.py", "*.cpp", "*.h", "Makefile")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name == "presets.md" else name for name in PAGES]
)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    text = PAGES[name]()
    assert text.startswith(MADE)
    assert _text(DOCS / name) == text, f"docs/{name} is old: run `make docs` and commit it"


def test_the_page_of_presets_is_what_the_code_says_with_the_verdicts_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging all takes a quarter of a minute: test_verdicts_command.py has what is said of most of them."""
    one = SweepSpec.of(registry.preset("parity-jump").settings)
    monkeypatch.setattr(presets, "judge", lambda sweep, curves: judge(sweep, curves) if sweep == one else ())
    made, there = presets.page(), _text(DOCS / "presets.md")
    assert _without_verdicts(there) == _without_verdicts(made), "run `make docs` and commit it"
    section = made.partition("\n## parity-jump\n")[2].partition("\n## ")[0]
    assert section.count("\n- ") > 1
    assert section in there, "run `make docs` and commit it"


def _without_verdicts(page: str) -> list[str]:
    """Return the lines that are not empty and say no verdict."""
    return [
        line for line in page.splitlines() if not re.match(r"$|- (\*\*Supported|Not supported|Inconclusive): ", line)
    ]


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(_text(README).splitlines()) <= 150


def test_the_readme_leads_to_every_page() -> None:
    assert {_id(path) for path in EVERY} - {"README.md"} <= set(re.findall(r"\((docs/[\w-]+\.md)\)", _text(README)))


@pytest.mark.parametrize("path", EVERY, ids=_id)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _text(path)):
        file, _, place = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if "://" not in link and not (target.exists() and (not place or place in _places(target))):
            lost.append(link)
    assert not lost


def test_files_that_the_code_names_exist() -> None:
    known = {path.name for folder in (*HOUSE, "docs", "tests") for path in (ROOT / folder).rglob("*.*")}
    known |= {"app.py", "scalescope.py"}
    lost = []
    for path in (path for folder in HOUSE for kind in SOURCES for path in (ROOT / folder).rglob(kind)):
        named = re.findall(r"(?<![<\w])\w+\.(?:py|h|cpp)\b", _text(path))
        lost += [f"{_id(path)}: {name}" for name in named if name not in known]
    assert not lost


def _places(path: Path) -> set[str]:
    """Return the names of the headings of a page, as links have them."""
    headings = re.findall(r"^#+ (.*)$", _text(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", BY_HAND, ids=_id)
def test_its_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^(\w+):", _text(ROOT / "Makefile"), flags=re.MULTILINE))
    assert set(re.findall(r"(?:^ +|`)make (\w+)", _text(path), flags=re.MULTILINE)) <= targets


@pytest.mark.parametrize("path", BY_HAND, ids=_id)
def test_its_scripts_exist(path: Path) -> None:
    named = re.findall(r"\b((?:tests|engine|store|pages)/[\w/]+\.(?:py|cpp|h))", _text(path))
    made_up = set(re.findall(r"as `([\w/]+\.py)`", _text(path)))
    assert {name for name in named if not (ROOT / name).exists()} <= made_up


def _commands() -> list[str]:
    """Return the commands that stand in indented lines, without what follows a comment sign."""
    lines = (line for path in BY_HAND for line in _text(path).splitlines())
    return sorted({line.partition("#")[0].strip() for line in lines if re.match(r"    scalescope \w", line)})


@pytest.mark.parametrize("command", _commands())
def test_a_command_and_its_options_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    main = store_main if words[0] == "store" else engine_main
    words = words[1:] if words[0] == "store" else words
    name = words[:2] if words[0] == "queue" and len(words) > 1 and words[1].isalpha() else words[:1]
    with pytest.raises(SystemExit) as ended:
        main([*name, "--help"])
    assert ended.value.code == 0
    known = capsys.readouterr().out
    assert [word for word in words if word.startswith("--") and not re.search(rf"{word}\b", known)] == []


def test_every_environment_variable_is_explained() -> None:
    code = [path for folder in ("engine", "store", "pages") for kind in SOURCES for path in (ROOT / folder).rglob(kind)]
    code += [path for kind in SOURCES for path in ROOT.glob(kind)]
    read = {name for path in code for name in re.findall(r"\bSCALESCOPE_[A-Z_]*[A-Z]", _text(path))}
    table = _text(DOCS / "guide.md").partition("## Environment variables")[2]
    assert read == set(re.findall(r"^\| `(SCALESCOPE_\w+)`", table, flags=re.MULTILINE))
