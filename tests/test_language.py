"""Every text that a user sees is marked for translation, once, as a literal with named values."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [
    *(path for folder in ("engine", "store", "pages") for path in sorted((ROOT / folder).rglob("*.py"))),
    ROOT / "app.py",
]
MARKS = {"_": 1, "_n": 2}
"""What marks a text, and how many texts it takes."""
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
        for call in _calls(path):
            if isinstance(call.func, ast.Name) and (texts := MARKS.get(call.func.id)):
                where = f"{path.relative_to(ROOT)}:{call.lineno}"
                marked = call.args[:texts]
                assert all(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in marked), where
                assert len(call.args) == (1 if texts == 1 else 3), where
