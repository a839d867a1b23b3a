"""The Dockerfile, read: no container is built here. tests/smoke_wheel.py installs from what `COPY .` gives it."""

import json
import re
from pathlib import Path

import pytest
from streamlit import config

ROOT = Path(__file__).parent.parent
STEPS = [
    (step.split(" ", 1)[0], step.split(" ", 1)[1])
    for step in re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    if step and not step.startswith("#")
]


def _said(name: str) -> str:
    """Return what the last step of this name says."""
    return [words for step, words in STEPS if step == name][-1]


def test_it_installs_and_starts_scalescope_as_anyone_does() -> None:
    assert ("COPY", ". /source") in STEPS
    assert _installs() == ["cd /source && pip install --no-cache-dir ."]
    assert json.loads(_said("ENTRYPOINT")) == ["scalescope"]


def _installs() -> list[str]:
    return [words for step, words in STEPS if step == "RUN" and "pip" in words]


def test_it_does_not_run_as_root_and_its_home_is_a_volume_of_its_user() -> None:
    user = _said("USER")
    assert user != "root"
    assert ("RUN", f"useradd --create-home {user} && install -d -o {user} /data") in STEPS
    assert STEPS.index(("USER", user)) < [step for step, _ in STEPS].index("ENTRYPOINT")
    assert _said("ENV") == f"SCALESCOPE_HOME={_said('VOLUME')}"
    assert _said("VOLUME") == "/data"


def test_it_listens_where_the_container_is_reached_by_a_flag_that_streamlit_has() -> None:
    flag, value = json.loads(_said("CMD"))
    assert flag.removeprefix("--") in config.get_config_options()
    assert value == "0.0.0.0"
    assert "127.0.0.1:8501:8501" in (ROOT / "Dockerfile").read_text()
    assert _said("EXPOSE") == "8501"
    asked = json.loads(_said("HEALTHCHECK").partition(" CMD ")[2])
    assert "http://127.0.0.1:8501/_stcore/health" in asked[-1]
    compile(asked[-1], "HEALTHCHECK", "exec")


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "LICENSE",
        "requirements.txt",
        "pyproject.toml",
        ".ci/hatch_build.py",
        ".ci/wheel_main.py",
        "scalescope.py",
    ],
)
def test_what_the_build_reads_is_copied(path: str) -> None:
    assert (ROOT / path).is_file()
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not set(ignored) & {path, path.split("/")[0]}
