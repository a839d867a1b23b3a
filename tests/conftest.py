"""What every test may ask for: a source of chance whose seed is told, and who runs beside whom."""

import os
import random
import secrets
from collections.abc import Callable

import pytest

ENVIRONMENT = "SCALESCOPE_SEED"


@pytest.fixture
def chance(record_property: Callable[[str, object], None]) -> random.Random:
    """A source of chance with a seed of its own; the seed is printed, and SCALESCOPE_SEED=SEED draws the same again."""
    seed = int(os.environ.get(ENVIRONMENT) or secrets.randbelow(10**6))
    record_property("seed", seed)
    print(f"{ENVIRONMENT}={seed} draws the same again.")
    return random.Random(seed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seed of each random test, whether it passed or not."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    seeds = {report.nodeid: seed for report in reports for name, seed in report.user_properties if name == "seed"}
    if seeds:
        terminalreporter.section("seeds of random tests")
        for nodeid, seed in seeds.items():
            terminalreporter.line(f"{ENVIRONMENT}={seed} {nodeid}")
