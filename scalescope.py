"""The command `scalescope`: alone it opens the app; `list`, `sweep`, `queue`, `store` and others work without it."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

__version__ = "0.2.0"

NAME = "scalescope"

HERE = Path(__file__).resolve().parent
"""The folder with app.py, engine/, pages/ and store/: of the checkout, or of the installed package."""

OURS = ("app", "engine", "pages", "store")
"""Modules in HERE that the code imports by these short names."""


def main(arguments: Sequence[str] | None = None, prog: str = NAME) -> int:
    """Open the app or run one command; returns the exit code: 0 done, 1 not done, 2 bad input, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    first = arguments[0] if arguments else ""
    if first == "--version":
        return _show(f"{NAME} {__version__}")
    try:
        if refused := _foreign_module():
            print("error:", refused, file=sys.stderr)
            return 1
        if first in ("-h", "--help"):
            return _show(_help(prog))
        if not first or first.startswith("-"):
            return _open_app(arguments)
        if first == "store":
            from store.commands.main import main as store_main

            return store_main(arguments[1:], f"{prog} store")
        from engine.commands.main import main as engine_main

        return engine_main(arguments, prog)
    except ModuleNotFoundError as missing:
        if not missing.name or missing.name.split(".")[0] in OURS:
            raise
        print("error:", _lacking(missing.name), file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while modules are loaded; a command that runs says itself what it has kept
        return 130


def _show(text: str) -> int:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _lacking(module: str) -> str:
    from engine.base.language import _

    return _(
        "{python} has no module {module}; `pip install .` in a checkout of Scalescope installs what it needs, and "
        "`make run` does so in .venv.",
        python=sys.executable,
        module=module,
    )


def _foreign_module() -> str:
    """Put HERE first in sys.path; return a sentence if another module has a name of OURS, else "".

    The sentence is English always: who translates might be the foreign one.
    """
    sys.path[:] = [str(HERE), *(folder for folder in sys.path if folder != str(HERE))]
    for name in OURS:
        loaded = sys.modules.get(name)
        spec = loaded.__spec__ if loaded else importlib.util.find_spec(name)
        found = getattr(loaded, "__file__", None) or (spec.origin if spec else None)
        if found is None or not Path(found).resolve().is_relative_to(HERE):
            return (
                f"Python's module {name!r} is {found or 'not to be found'}, not the one of Scalescope in {HERE}. "
                "Install Scalescope into an environment of its own, e.g. with pipx."
            )
    return ""


def _help(prog: str) -> str:
    from engine.base.language import _
    from engine.commands.main import parser as engine_parser
    from store.commands.main import parser as store_parser

    whole = engine_parser(prog)
    whole.usage = f"{prog} [COMMAND ...]\n       {prog} store COMMAND ...\n       {prog} --help | --version"
    whole.description = _(
        "Trains a whole sweep of model sizes at once and shows what size does to the loss.\n"
        "Without COMMAND it opens the app on http://127.0.0.1:8501; flags go to Streamlit, e.g. --server.port 8600."
    )
    return f"{whole.format_help()}\n{store_parser(f'{prog} store').format_help()}".rstrip()


def _open_app(flags: Sequence[str]) -> int:
    """Serve the app until Ctrl-C, as `streamlit run app.py` does."""
    import click
    from streamlit.web import cli

    try:
        code = cli.main(["run", str(HERE / "app.py"), *flags], prog_name="streamlit", standalone_mode=False)
    except click.ClickException as refused:
        refused.show()
        return refused.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main(prog="python -m scalescope" if __spec__ else f"python {sys.argv[0]}"))
