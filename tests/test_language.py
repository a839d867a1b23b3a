"""Every text that a user sees is marked for translation, once, as a literal with named values, and can be another."""

import ast
import gettext
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generate import messages
from engine.base import language
from tests import pseudo
from tests.pages import visible

ROOT = messages.ROOT
FILES = [path for path in messages.files() if path.name not in ("scalescope.py", "language.py")]
"""Without the launcher and the reader of catalogues, whose errors come before there is a catalogue."""
RAISED = {"ValueError", "StoreError", "NoRoom"}
SHOWN = {
    *("title", "header", "subheader", "caption", "markdown", "text", "write", "info", "warning", "error", "success"),
    *("button", "download_button", "link_button", "selectbox", "multiselect", "pills", "segmented_control", "toggle"),
    *("checkbox", "radio", "slider", "select_slider", "text_input", "text_area", "number_input", "file_uploader"),
    *("expander", "metric", "popover", "spinner", "toast", "dialog", "tabs", "status"),
    *("Column", "TextColumn", "NumberColumn", "CheckboxColumn", "ListColumn", "DatetimeColumn", "ProgressColumn"),
}
"""Calls of Streamlit whose first argument is shown."""
NAMED = {"label", "help", "placeholder", "description", "alt", "title", "finding", "caption", "epilog"}
"""Arguments by name that are shown, whoever takes them."""
ARGPARSE = {
    *("usage", "python", "store", "COMMAND", "options", "--help", "show", "this", "help", "message", "and", "exit"),
    *("positional", "arguments", "error"),
}
"""What Python's own argparse says, and what begins an error on the command line."""
KNOBS = {"knob": (1, 2)}
"""Calls whose arguments at these places are shown."""


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _shown(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the arguments of a call that a user sees."""
    name = _name(call)
    if name in RAISED or (name in SHOWN and isinstance(call.func, ast.Attribute)) or name == "print":
        yield from call.args[:1]
    for place in KNOBS.get(name, ()):
        yield from call.args[place : place + 1]
    yield from (keyword.value for keyword in call.keywords if keyword.arg in NAMED)


def _bare(node: ast.expr) -> bool:
    """Whether an argument has words in it that nothing marks."""
    if isinstance(node, ast.Call):
        return False  # marked, or made elsewhere
    if isinstance(node, ast.JoinedStr):
        return any(_bare(part) for part in node.values if isinstance(part, ast.Constant))
    if isinstance(node, ast.IfExp):
        return _bare(node.body) or _bare(node.orelse)
    if isinstance(node, ast.BinOp):
        return _bare(node.left) or _bare(node.right)
    words = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return any(len(word) > 1 and word.isalpha() for word in words.replace("*", " ").replace(".", " ").split())


@pytest.mark.parametrize("room", sorted({str(path.parent.relative_to(ROOT)) for path in FILES}))
def test_what_a_user_sees_is_marked(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        if str(path.parent.relative_to(ROOT)) == room
        for call in _calls(path)
        for node in _shown(call)
        if _bare(node)
    ]
    assert found == []


def test_what_is_marked_is_a_literal_with_named_values() -> None:
    for path in FILES:
        for call, texts in messages.marks(path):
            where = f"{path.relative_to(ROOT)}:{call.lineno}"
            assert all(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in texts), where
            assert len(call.args) == (1 if len(texts) == 1 else 3), where


def test_the_template_of_catalogues_has_the_marked_texts() -> None:
    fresh = messages.TEMPLATE.read_text(encoding="utf-8") == messages.template()
    assert fresh, "run `make messages` and commit locale/scalescope.pot"


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process in a language whose every text stands in brackets."""
    return pseudo.environment(messages.texts(), tmp_path_factory.mktemp("locale"))


COMMANDS = {
    "engine list": 0,
    "store --help": 0,
    "engine sweep digits-double-descent --set width=0 --dry-run": 2,
    "engine sweep digits-double-descent --set width=1..2000 --seeds 100 --dry-run": 2,
}
"""Commands and the codes that they return."""


@pytest.fixture(scope="session")
def shown(elsewhere: dict[str, str]) -> list[list[str]]:
    """What pages show and commands print in that language, on the results that ship: rows of who, what and text."""
    found = pseudo.run(elsewhere, "tests.pages.visible", *COMMANDS)
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_speaks_another_language(shown: list[list[str]], command: str) -> None:
    ((code, text),) = ((what, text) for who, what, text in shown if who == command)
    commands = re.findall(r"^ {4}([\w-]+)", text, flags=re.MULTILINE)
    assert code == str(COMMANDS[command])
    assert "⟦" in text
    rest = pseudo.unmarked(text, pseudo.names() | ARGPARSE | set(commands))
    assert not rest, "words that nothing marks: " + " ".join(rest)


@pytest.mark.parametrize("page", visible.PAGES)
def test_a_page_speaks_another_language(shown: list[list[str]], page: str) -> None:
    here = [(element, text) for shown_by, element, text in shown if shown_by == page]
    found = {(element, text): pseudo.unmarked(text, pseudo.names()) for element, text in here}
    rest = [f"{element}: {' '.join(words)}  in  {text}" for (element, text), words in found.items() if words]
    assert not rest, "words that nothing marks:\n" + "\n".join(rest)
    assert any("⟦" in text for _, text in here)


def _broken(folder: Path, content: bytes) -> None:
    broken = folder / "xx" / "LC_MESSAGES" / "scalescope.mo"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(content)


WARNING = "warning: the catalogue of SCALESCOPE_LANGUAGE=xx cannot be read: .*\n"


@pytest.mark.parametrize("content", [b"", b"broken", b"\xde\x12\x04\x95" + bytes(3)])
def test_a_catalogue_that_cannot_be_read_is_a_warning(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(tmp_path, content)
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    monkeypatch.setenv("SCALESCOPE_LANGUAGE", "xx")
    assert language._chosen() is language._ENGLISH
    assert re.fullmatch(WARNING, capsys.readouterr().err)


def test_with_a_catalogue_that_cannot_be_read_all_texts_are_english(tmp_path: Path) -> None:
    _broken(tmp_path, b"broken")
    chosen = {"SCALESCOPE_LOCALE": str(tmp_path), "SCALESCOPE_LANGUAGE": "xx", "SCALESCOPE_HOME": str(tmp_path)}
    found = pseudo.run(os.environ | chosen, "engine", "list", "--help")
    assert found.returncode == 0, found.stderr
    assert "usage:" in found.stdout
    assert re.fullmatch(WARNING, found.stderr)


class _Other(gettext.NullTranslations):
    """A translator's slips: values that the text does not have, and a brace left open."""

    def gettext(self, message: str) -> str:
        return "{nothing}" if "one" in message else message + "{"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return "{nothing}"


def test_a_translation_with_wrong_values_falls_back_to_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_catalogue", _Other())
    for text in ("one {a}", "two {a}"):
        assert language._(text, a=1) == text.format(a=1)
    assert language._n("{n} run", "{n} runs", 1) == "1 run"
    assert language._n("{n} run", "{n} runs", 2) == "2 runs"


def test_a_label_inside_a_sentence_is_small_in_english_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert language.inside("Weight Decay") == "weight decay"
    assert language.begun_small("Weight Decay") == "weight Decay"
    monkeypatch.setattr(language, "_catalogue", _Other())
    assert language.inside("Breite") == language.begun_small("Breite") == "Breite"
