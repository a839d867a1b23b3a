"""What every test may ask for: chance with a seed that is told; and in which order tests run beside each other."""

import gc
import os
import random
import secrets
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

ENVIRONMENT = "SCALESCOPE_SEED"

gc.disable()  # until all tests are there: of what is loaded once and stays, it would look through all again and again

settings.register_profile(
    "daily",
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("daily"), derandomize=False, print_blob=True, max_examples=1000)


def pytest_configure(config: pytest.Config) -> None:
    """Draw the same examples every day, and many others in the long tests."""
    settings.load_profile("daily" if config.getoption("markexpr") else "long")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run tests: one more than cores, since one of them mostly waits for a browser."""
    return (os.cpu_count() or 1) + 1


APART = ("tests/engine/net/", "tests/test_queue.py")
"""Parts whose tests share nothing and take long: whoever is free runs the next of them."""


class _Together(LoadScopeScheduling):  # type: ignore[misc]
    """Gives all tests of a file to one process, which makes once what they share; those of APART one by one.

    All browser tests are one part too: they share a Chromium and a server. pytest-xdist 3.8 does such things by marks
    (`--dist loadgroup`), which it cannot set on the items of pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/browser/"):
            return "tests/browser/"
        return nodeid if nodeid.startswith(APART) else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together:
    """Return the scheduler of all tests."""
    return _Together(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the browser, which takes longest, then with what has a timeout of its own: neither is to end last."""
    marks = ("browser", "timeout")
    items.sort(key=lambda item: next((place for place, mark in enumerate(marks) if item.get_closest_marker(mark)), 9))


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but not among what is loaded."""
    gc.enable()
    gc.freeze()


@pytest.fixture
def chance(record_property: Callable[[str, object], None]) -> random.Random:
    """A source of chance with a seed of its own; the seed is printed, and SCALESCOPE_SEED=SEED draws the same again."""
    seed = int(os.environ.get(ENVIRONMENT) or secrets.randbelow(10**6))
    record_property("seed", seed)
    print(f"{ENVIRONMENT}={seed} draws the same again.")
    return random.Random(seed)


@pytest.fixture
def heard() -> Iterator[None]:
    """Let this process, and what it starts, hear Ctrl-C: a shell's job in the background is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seed of each random test, whether it passed or not."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    seeds = {report.nodeid: seed for report in reports for name, seed in report.user_properties if name == "seed"}
    if seeds:
        terminalreporter.section("seeds of random tests")
        for nodeid, seed in seeds.items():
            terminalreporter.line(f"{ENVIRONMENT}={seed} {nodeid}")
