"""The layers as they are deployed."""

import os
import sys
from pathlib import Path

from local.setup import ROOT
from tests.support.commands import run_command

LAYERS = ("SharedLayer", "ApiLayer")


def build_layer(name: str, into: Path, platform: str) -> Path:
    """Build a layer for a platform, ``lambda`` or ``host``, from the wheels that set-up downloaded."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "WHEELHOUSE": str(ROOT / ".tools" / "wheelhouse"),
        "LAYER_PLATFORM": platform,
        "ARTIFACTS_DIR": str(into),
        "PIP_NO_INDEX": "1",
    }
    command = ["make", "--silent", "-C", str(ROOT / "layers" / "shared"), f"build-{name}"]
    result = run_command(*command, env=environment)
    assert result.returncode == 0, result.stderr
    return into
