"""The build hook of the wheel: compiles the kernel of native code and names the wheel after its platform.

SCOREHOUSE_KERNEL names another of the targets of src/scorehouse/program/native/build.py, or is `none` for a
wheel without a kernel.
"""

from __future__ import annotations

import os
import runpy
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCRIPT = "src/scorehouse/program/native/build.py"


class KernelHook(BuildHookInterface):
    """Called by hatchling before it builds a wheel, including an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        script = runpy.run_path(os.path.join(self.root, SCRIPT), run_name="build_kernel")
        name = os.environ.get("SCOREHOUSE_KERNEL") or script["this_platform"]()
        if name == "none" or (name not in script["TARGETS"] and "SCOREHOUSE_KERNEL" not in os.environ):
            self.app.display_warning(f"no kernel for {name}: trees are scored by their estimators")
            return
        target = script["TARGETS"][name]
        library = script["build"](name, local=version == "editable")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{target.wheel}"
        build_data["artifacts"].append(f"{library.relative_to(self.root)}")
