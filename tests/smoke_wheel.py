"""Smoke test of the wheel: built, installed into an empty environment and used from a folder full of decoys.

`python -m tests.smoke_wheel` in the root of a checkout; the environment that runs it needs tests/requirements.txt.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import scalescope
from tests.browser.conftest import BROWSERS, FLAGS
from tests.browser.test_first_visit import CURVE

ROOT = Path(__file__).parent.parent
DECOYS = ("app.py", "engine/__init__.py", "engine/__main__.py", "pages/__init__.py", "store/__init__.py")
CARRIED = (".streamlit", "app.py", "engine", "locale", "pages", "store")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main() -> None:
    """Run the steps, each in a line; an AssertionError says what does not hold."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is deaf to Ctrl-C, so is its app
    with tempfile.TemporaryDirectory(prefix="the wheel of Scalescope ") as name:
        folder = Path(name)
        wheel = _build(folder)
        _say("built", wheel.name)
        _check_names(wheel)
        command = _install(folder, wheel)
        _say("installed into an empty environment")
        elsewhere = folder / "elsewhere"
        for decoy in DECOYS:
            (elsewhere / decoy).parent.mkdir(parents=True, exist_ok=True)
            (elsewhere / decoy).write_text(f"raise SystemExit('{decoy} of another project was run')\n")
        os.environ |= {"SCALESCOPE_HOME": str(folder / "home"), "PYTHONPATH": str(elsewhere)}
        os.chdir(elsewhere)
        _use(command)
        _open(command)


def _say(*words: object) -> None:
    print(f"{time.monotonic() - BEGIN:6.1f} s ", *words, flush=True)


def _build(folder: Path) -> Path:
    """Return the wheel, built from what `COPY .` of the Dockerfile would bring along."""
    ignored = set((ROOT / ".dockerignore").read_text().split())
    for name in _known():
        if name.split("/")[0] not in ignored:
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "wheel")]
    subprocess.run([*pip, str(folder / "source")], check=True)
    (wheel,) = (folder / "wheel").iterdir()
    assert wheel.name == f"scalescope-{scalescope.__version__}-py3-none-any.whl", wheel.name
    return wheel


def _known(*folders: str) -> list[str]:
    """Return the files that git knows."""
    git = ["git", "-C", str(ROOT), "ls-files", *folders]
    return subprocess.run(git, capture_output=True, text=True, check=True).stdout.splitlines()


def _check_names(wheel: Path) -> None:
    """Hold that the wheel is one package and carries every file that git knows under CARRIED."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"scalescope", f"scalescope-{scalescope.__version__}.dist-info"}, (
        "the wheel puts something else into site-packages"
    )
    known = set(_known(*CARRIED))
    missing = {f"scalescope/{name}" for name in known - {"engine/py.typed"}} - names
    assert len(known) > 100, "git does not list the files"
    assert not missing, f"the wheel lacks {sorted(missing)}"
    assert "scalescope/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def _install(folder: Path, wheel: Path) -> str:
    """Return the path of the installed command."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "empty")], check=True)
    binaries = folder / "empty" / "bin"
    pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--no-compile", str(wheel)]
    subprocess.run(pip, check=True)
    packages = next((folder / "empty" / "lib").glob("python*/site-packages"))
    assert not [name for name in ("engine", "store", "pages", "app.py") if (packages / name).exists()]
    package = packages / "scalescope"
    for path in (package, *package.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)  # it writes nothing beside its code
    return str(binaries / "scalescope")


def _use(command: str) -> None:
    """Hold what the command says and does, a sweep in training among it."""
    assert _run(command, "--version") == f"scalescope {scalescope.__version__}\n"
    assert "digits-double-descent" in _run(command, "list")
    assert "import-runs" in _run(command, "--help")
    assert "import-runs" in _run(str(Path(command).with_name("python")), "-m", "scalescope", "--help")
    _say("says what there is")
    small = ["--set", "width=2,3", "--set", "steps=30", "--seeds", "2"]
    found = json.loads(_run(command, "sweep", "digits-double-descent", *small, "--json"))
    assert found["trained"] == 4, found
    assert {run["state"] for run in found["runs"]} == {"finished"}, found
    assert "4/4" in _run(command, "store", "list")
    _say("trained 4 runs and stored them")


def _run(command: str, *arguments: str) -> str:
    done = subprocess.run([command, *arguments], text=True, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _open(command: str) -> None:
    """Hold that the app starts, draws its first curve in a browser and ends cleanly on Ctrl-C."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", Path("app.log").resolve()
    with log.open("wb") as file:
        app = subprocess.Popen([command, f"--server.port={port}"], stdout=file, stderr=subprocess.STDOUT)
    try:
        _wait_until_healthy(url, app)
        _say("the app is healthy")
        _look(url)
    finally:
        app.send_signal(signal.SIGINT)
        code = app.wait(20)
    said = log.read_text()
    assert code == 130, f"the app ended with {code}:\n{said}"
    assert "Traceback" not in said, said
    assert url in said, said
    _say("the app ended on Ctrl-C")


def _wait_until_healthy(url: str, app: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and app.poll() is None:
        try:
            with OPENER.open(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the app did not start:\n" + Path("app.log").read_text())


def _look(url: str) -> None:
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        with OPENER.open(url, timeout=10) as answer:
            assert b"<title>" in answer.read()
        _say("the page answers; no Chromium here, so no curve was looked for")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector(CURVE, timeout=60_000)
        assert page.get_by_text("33 runs: all cached").is_visible(), "the results that ship are not there"
        assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("system-ui"), "not our theme"
        browser.close()
    _say("the first curve is on the screen")


BEGIN = time.monotonic()

if __name__ == "__main__":
    main()
