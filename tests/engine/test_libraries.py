"""The laws and the verdicts are libraries: their packages name what is public, load lazily, and need SciPy at most."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("engine.laws", "engine.verdicts")
LAWS = """
from engine.laws import fit, for_budget, observe
sizes = [1e3, 1e4, 1e5, 1e6]
assert abs(fit("power", observe(sizes, [3 * n**-0.2 for n in sizes]), bootstrap=0).estimates["alpha"] - 0.2) < 1e-6
table = [(c, off, off * c**0.5) for c in (1e16, 1e18, 1e20) for off in (0.2, 0.5, 1, 2, 5)]
budgets, offs, sizes = zip(*table)
found = fit("isoflop", observe(sizes, [2 + abs(off - 1 / off) / 9 for off in offs], c=budgets), bootstrap=0)
assert abs(for_budget(found, 1e19).n.value / 1e19**0.5 - 1) < 0.1
"""
VERDICTS = """
from engine.spec.sweep import SweepSpec
from engine.verdicts import Curves, judge
sweep = SweepSpec.of({"dataset": "digits", "width": (4, 16, 64), "seed": (0, 1, 2)})
runs = sweep.runs()
error = [{4: 0.3, 16: 0.1, 64: 0.2}[run.width] + 0.001 * run.seed for run in runs]
table = {"key": [run.key for run in runs], "step": [run.steps for run in runs], "train_loss": error}
first = judge(sweep, Curves.of(table | {"test_error": error, "train_error": error}, runs))[0]
assert (first.title, first.n_seeds) == ("Overfits with size", 3)
"""


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there(package: str) -> None:
    module = import_module(package)
    assert all(hasattr(module, name) for name in module.__all__)
    assert sorted(name for names in module._MODULES.values() for name in names) == sorted(module.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_hides_a_public_name(package: str) -> None:
    modules = {path.stem for path in (ROOT / package.replace(".", "/")).glob("*.py")}
    assert not modules & set(import_module(package).__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_alone_loads_neither_numpy_nor_scipy(package: str) -> None:
    _python(f"import sys, {package}\nassert not {{'numpy', 'scipy'}} & set(sys.modules)")


@pytest.mark.parametrize("use", [LAWS, VERDICTS], ids=PACKAGES)
def test_it_works_with_numpy_and_scipy_alone(use: str) -> None:
    others = "duckdb pandas plotly psutil pyarrow sklearn streamlit torch"
    _python(f"import sys\nsys.modules.update(dict.fromkeys({others!r}.split())){use}")
