"""Makes scalescope.py the package's `__init__.py` in a wheel; an editable install reads the checkout as it is."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class OnePackage(BuildHookInterface[Any]):
    """What pyproject.toml cannot say: a file under another name, in wheels alone."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to `build_data`; their targets are inside the package."""
        if version != "editable":
            build_data["force_include"] = {
                "scalescope.py": "__init__.py",
                ".ci/wheel_main.py": "__main__.py",
                "engine/py.typed": "py.typed",
            }
