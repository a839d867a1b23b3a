"""The examples of docs/extending.md: whole files that a reader would copy."""

import re
from pathlib import Path

EXTENDING = Path(__file__).parent.parent / "docs" / "extending.md"


def example(path: str) -> str:
    """Return the file that the page shows as `path`."""
    text = EXTENDING.read_text(encoding="utf-8")
    shown = re.search(rf"as `{re.escape(path)}`[^`]*```python\n(.*?)```", text, flags=re.DOTALL)
    assert shown is not None, f"docs/extending.md shows no file {path}"
    return shown[1]
