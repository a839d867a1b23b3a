"""The page of every command, its arguments and options, read from the parsers of both command lines."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from unittest.mock import patch

from docs.generate.markdown import code, joined, table
from engine.commands.main import main as engine_main
from store.commands.main import main as store_main

Main = Callable[[Sequence[str]], int]

INTRODUCTION = """\
# The command line

`scalescope COMMAND` and `python -m engine COMMAND` are the same, and so are `scalescope store COMMAND` and
`python -m store COMMAND`. `scalescope` alone opens the app, and flags after it go to Streamlit, e.g.
`scalescope --server.port 8600`; `scalescope --version` prints the version. Every command explains itself with `--help`;
the [guide](guide.md) says when one needs which. Exit codes: 0 done, 1 not done, 2 bad input, 130 interrupted."""


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for door, main in (("scalescope", engine_main), ("scalescope store", store_main)):
        parts += [_section(name, text, parser) for name, text, parser in _commands(door, _parser(main))]
    return joined(*parts)


class _Seen(Exception):
    """Carries the parser out of a command line that is about to use it."""


def _parser(main: Main) -> argparse.ArgumentParser:
    """Return the parser that `main` makes."""

    def seen(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise _Seen(self)

    with patch.object(argparse.ArgumentParser, "parse_args", seen):
        try:
            main([])
        except _Seen as carried:
            parser: argparse.ArgumentParser = carried.args[0]
            return parser
    raise AssertionError("a command line that makes no parser cannot be described")


def _commands(prefix: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Yield name, help and parser of each command of `parser`, and of their own commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, inner in action.choices.items():
                yield f"{prefix} {name}", helps.get(name, ""), inner
                yield from _commands(f"{prefix} {name}", inner)


def _section(name: str, text: str, parser: argparse.ArgumentParser) -> str:
    rows = [
        (code(_written(action)), _meaning(action))
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]
    rows += [
        (code(inner), choice.help or "")
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
        for inner in [choice.dest]
    ]
    sentence = f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""
    parts = [f"## {name}", sentence, table(("argument", "meaning"), rows) if rows else ""]
    return "\n\n".join(part for part in parts if part)


def _written(action: argparse.Action) -> str:
    """Return an argument as one types it, e.g. "--seeds N", in square brackets where it may be left out."""
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and action.metavar is None:
        metavar = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    several = {"+": f"{metavar} [{metavar} ...]", "*": f"[{metavar} ...]", "?": f"[{metavar}]"}
    operand = "" if action.nargs == 0 else several.get(str(action.nargs), metavar)
    if not action.option_strings:
        return operand
    text = " ".join([", ".join(action.option_strings), operand]).strip()
    return text if action.required else f"[{text}]"


def _meaning(action: argparse.Action) -> str:
    text = action.help or ""
    if isinstance(action, argparse._AppendAction | argparse._ExtendAction):
        text += "; may be given several times"
    return text[:1].upper() + text[1:]
