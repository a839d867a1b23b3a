"""Writes the generated pages: `make docs`, or `python -m docs.generate`."""

import sys
from collections.abc import Callable
from pathlib import Path

from docs.generate import architecture, commands, datasets, presets, settings

DOCS = Path(__file__).parent.parent

PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "datasets.md": datasets.page,
    "presets.md": presets.page,
    "command-line.md": commands.page,
    "architecture.md": architecture.page,
}
"""What makes each page; the same code and the same gallery give the same text on every machine."""


def main() -> int:
    """Write every page that differs from what is there; returns the exit code."""
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"docs/{name} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
