"""Takes what one part of a page is asked out of the parameters of an address. Pure."""

from collections.abc import Callable, Iterable
from typing import Any


def taken(
    params: dict[str, str], names: Iterable[str], read: Callable[[str, str], Any]
) -> tuple[dict[str, Any], list[str]]:
    """Take `names` out of `params`; return what `read` makes of name and text, and a sentence for what it refuses."""
    found, problems = {}, []
    for name in names:
        if name in params:
            try:
                found[name] = read(name, params.pop(name))
            except ValueError as problem:
                problems.append(str(problem))
    return found, problems
