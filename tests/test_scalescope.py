"""The command `scalescope`: it opens the app or hands on to the command lines, and imports no foreign module."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest
from streamlit.web import cli

import engine.commands.main
import scalescope
import store.commands.main

ROOT = Path(__file__).parent.parent
DECOYS = ("app.py", "engine/__init__.py", "engine/__main__.py", "pages/__init__.py", "store/__init__.py")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def _outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str, str]:
    try:
        code: int | str | None = scalescope.main(arguments)
    except SystemExit as ended:
        code = ended.code
    out, err = capsys.readouterr()
    return code, out, err


def test_its_version_stands_in_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert _outcome(capsys, "--version") == (0, f"scalescope {scalescope.__version__}\n", "")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "scalescope.py"
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert newest is not None
    assert newest[1] == scalescope.__version__


def test_its_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _outcome(capsys, "--help")
    assert code == 0
    assert "--server.port" in out
    for other, prog in ((engine.commands.main, "scalescope"), (store.commands.main, "scalescope store")):
        assert f"usage: {prog} " in out
        listed = other.parser(prog).format_help().partition("COMMAND\n")[2].partition("\n\n")[0]
        commands = re.findall(r"^    (\S+)", listed, flags=re.MULTILINE)
        assert len(commands) > 5
        assert all(re.search(rf"^    {name}\b", out, flags=re.MULTILINE) for name in commands)


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["list"], engine.commands.main),
        (["sweep", "nonsense"], engine.commands.main),
        (["queue", "cancel", "nonsense"], engine.commands.main),
        (["fit", "--csv", "nonsense"], engine.commands.main),
        (["gallery", "--folder", "nonsense"], engine.commands.main),
        (["nonsense"], engine.commands.main),
        (["store", "list"], store.commands.main),
        (["store", "show", "nonsense"], store.commands.main),
        (["store", "nonsense"], store.commands.main),
        (["store"], store.commands.main),
    ],
)
def test_a_command_says_and_returns_what_its_own_command_line_does(
    arguments: list[str], module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _outcome(capsys, *arguments)
    prog, rest = ("scalescope store", arguments[1:]) if module is store.commands.main else ("scalescope", arguments)
    try:
        expected = module.main(rest, prog)
    except SystemExit as ended:
        expected = ended.code
    assert (code, out, err) == (expected, *capsys.readouterr())
    assert code == 0 if arguments[-1] == "list" else code == 2


def test_alone_it_opens_the_app_and_hands_flags_to_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda arguments, **_: asked.append(arguments))
    assert scalescope.main([]) == 0
    assert scalescope.main(["--server.port", "8600"]) == 0
    assert asked == [["run", str(ROOT / "app.py")], ["run", str(ROOT / "app.py"), "--server.port", "8600"]]


@pytest.mark.parametrize(("raised", "code"), [(click.Abort(), 130), (KeyboardInterrupt(), 130)])
def test_ctrl_c_ends_the_app_without_a_traceback(
    raised: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(cli, "main", interrupted)
    assert scalescope.main([]) == code


def test_ctrl_c_while_modules_are_loaded_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine.commands.main, "parser", interrupted)
    assert scalescope.main(["list"]) == 130


def test_a_flag_that_streamlit_does_not_know_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _outcome(capsys, "--nonsense")
    assert code == 2
    assert "--nonsense" in err


def test_a_missing_package_is_a_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    monkeypatch.setitem(sys.modules, "streamlit.web", None)
    code, _, err = _outcome(capsys)
    assert code == 1
    assert "has no module streamlit" in err
    assert "pip install ." in err


def test_a_foreign_module_that_is_loaded_already_is_named_and_refused(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("")
    code = f"import sys, engine; sys.path.append({str(ROOT)!r}); import scalescope; sys.exit(scalescope.main(['list']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: Python's module 'engine' is {tmp_path / 'engine.py'}, not the one of Scalescope in {ROOT}. "
        "Install Scalescope into an environment of its own, e.g. with pipx.\n"
    )


def test_foreign_folders_of_these_names_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for decoy in DECOYS:
        (tmp_path / decoy).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / decoy).write_text("raise SystemExit('a foreign module was run')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_WORKERS", "1")
    small = ["--set", "width=2", "--set", "steps=3", "--seeds", "1"]
    for arguments in (["store", "list"], ["sweep", "moons-overfitting", *small]):  # its worker stands there too
        command = [sys.executable, str(ROOT / "scalescope.py"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("how", "prog"), [(["scalescope.py"], "python scalescope.py"), (["-m", "scalescope"], "python -m scalescope")]
)
def test_help_begins_as_the_user_called_it(how: list[str], prog: str) -> None:
    command = [sys.executable, *how, "store", "list", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: {prog} store list ")


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_a_reader_that_has_read_enough_ends_it_in_silence(flag: str) -> None:
    command = [sys.executable, str(ROOT / "scalescope.py"), flag]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0
