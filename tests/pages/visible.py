"""Prints every text of the four pages, as JSON rows of page, element and text; and of commands, with their codes."""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from engine.commands.main import main as engine_main
from store.commands.main import main as store_main

FRAME = Path(__file__).parents[2] / "pages" / "frame.py"
PAGES = ("explore", "compare", "laws", "library")
SILENT = {
    *("id", "element_id", "form_id", "user_key", "component_name", "js_content", "css_content", "html_content"),
    *("icon", "type", "color", "format", "url", "url_path", "page", "page_script_hash", "mime_type", "accept"),
    *("data_id", "editing_mode", "autocomplete", "query_param_key", "file_urls_json", "group_id", "value"),
    *("column_order", "selection_mode", "selection_state", "selection_default", "default", "validate_regex"),
}
"""Fields of Streamlit's messages that hold text for the browser alone, or what a person typed."""
SHOWN = {"text", "name", "hovertemplate", "hovertext", "alt", "label", "help", "title"}
"""Fields of charts and of column settings that are read."""


def texts(message: Any) -> Iterator[str]:
    """Yield the texts in a message of Streamlit's protocol."""
    for field, value in message.ListFields():
        if field.name in ("json", "columns") and isinstance(value, str):
            yield from _in_json(json.loads(value or "null"), shown=False)
        elif field.name not in SILENT:
            for one in value if isinstance(value, list) or hasattr(value, "extend") else [value]:
                if isinstance(one, str):
                    yield one
                elif hasattr(one, "ListFields"):
                    yield from texts(one)


def _in_json(value: Any, *, shown: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "figure" and isinstance(inner, str):
                yield from _in_json(json.loads(inner), shown=False)
            else:
                yield from _in_json(inner, shown=name in SHOWN)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_json(inner, shown=shown)
    elif isinstance(value, str) and shown:
        yield value


def elements(block: Any) -> Iterator[tuple[str, str]]:
    """Yield kind and text of everything in a block, from top to bottom."""
    for child in block.children.values():
        if (message := getattr(child, "proto", None)) is not None:
            yield from ((child.type, text) for text in texts(message))
        if hasattr(child, "children"):
            yield from elements(child)


def page_texts() -> Iterator[tuple[str, str, str]]:
    """Open the pages one after the other; yield page, kind of element, and text."""
    app = AppTest.from_file(FRAME, default_timeout=120)
    app.session_state["stood"] = True  # no browser will say that the curve stands
    for page in PAGES:
        app.query_params.clear()  # what the page before has put into the address
        app = app.run() if page == PAGES[0] else app.switch_page(str(FRAME.with_name(f"{page}.py"))).run()
        yield from ((page, kind, text) for kind, text in elements(app._tree))


def command_texts(command: str) -> tuple[str, str, str]:
    """Run a command such as "engine list"; return it, its exit code, and what it prints."""
    module, *arguments = command.split()
    main = {"engine": engine_main, "store": store_main}[module]
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            code: object = main(arguments)
        except SystemExit as ended:
            code = ended.code
    return command, str(code), printed.getvalue()


def main(commands: Sequence[str]) -> None:
    """Print what the pages show, and what the commands print."""
    for row in (*page_texts(), *map(command_texts, commands)):
        sys.stdout.write(json.dumps(row) + os.linesep)


if __name__ == "__main__":
    main(sys.argv[1:])
