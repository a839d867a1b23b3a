"""Collects the texts that are marked for translation in locale/scalescope.pot: `make messages`."""

import ast
import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "locale" / "scalescope.pot"
MARKS = {"_": 1, "_n": 2}
"""What marks a text, and how many texts it takes."""
HEADER = r"""# The texts of Scalescope, collected by `make messages`.
msgid ""
msgstr ""
"Project-Id-Version: Scalescope\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""


def files() -> list[Path]:
    """Return the Python files whose texts users see."""
    rooms = (path for folder in ("engine", "store", "pages") for path in (ROOT / folder).rglob("*.py"))
    return [*sorted(rooms), *sorted(ROOT.glob("*.py"))]


def marks(path: Path) -> Iterator[tuple[ast.Call, list[ast.expr]]]:
    """Yield each call in a file that marks, with its arguments that are texts."""
    # The syntax tree has the calls inside f-strings too, which the tokens that Babel reads lack before Python 3.12.
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and (count := MARKS.get(node.func.id)):
            yield node, node.args[:count]


def texts() -> dict[tuple[str, ...], list[str]]:
    """Return every marked text, as itself or as its forms for one thing and for many, with the files that have it."""
    found: dict[tuple[str, ...], list[str]] = {}
    for path in files():
        for _call, forms in marks(path):
            text = tuple(str(ast.literal_eval(form)) for form in forms)
            found.setdefault(text, []).append(path.relative_to(ROOT).as_posix())
    return found


def template() -> str:
    """Return the file from which catalogues are made: sorted, without lines and dates, so that only texts change it."""
    catalog = Catalog()
    for text, places in texts().items():
        message = catalog.add(text if len(text) > 1 else text[0], locations=[(place, 0) for place in places])
        message.flags.discard("python-format")  # values are named in braces, and a percent sign is one
    written = io.BytesIO()
    write_po(written, catalog, width=100, omit_header=True, sort_output=True, include_lineno=False)
    return HEADER + written.getvalue().decode()


if __name__ == "__main__":
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(template(), encoding="utf-8")
    print(f"{TEMPLATE.relative_to(ROOT)} is written.")
