"""Puts the layer's code, which the commands for administrators share, into the packages."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LayerHook(BuildHookInterface):
    """Adds the folder `aichats`: from the repository, or from the source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder to a package that is built. An editable install finds it in the repository."""
        if version == "editable":
            return
        in_repository = Path(self.root).parent / "layers" / "shared" / "aichats"
        layer = in_repository if in_repository.is_dir() else Path(self.root) / "aichats"
        build_data["force_include"][str(layer)] = "aichats"
