"""The local build, compared with `sam build`, which builds what is deployed."""

import os
import zipfile
from pathlib import Path
from typing import Any

from local.cloud.build import Build, build
from local.setup import ROOT, TOOLS, VENV, WHEELHOUSE
from tests.support.commands import run_command


def resources(built: Build) -> dict[str, Any]:
    """Return the template's resources without the metadata that SAM CLI adds."""
    found: dict[str, Any] = built.template["Resources"]
    for resource in found.values():
        resource.get("Metadata", {}).pop("SamResourceId", None)
        if not resource.get("Metadata"):
            resource.pop("Metadata", None)
    return found


def test_the_local_build_makes_the_same_files_and_the_same_template_as_sam_build(tmp_path: Path) -> None:
    environment = os.environ | {
        "LAYER_PLATFORM": "host",
        "PYTHON": str(VENV / "bin" / "python"),
        "SAM_CLI_TELEMETRY": "0",
        "WHEELHOUSE": str(WHEELHOUSE),
    }
    built, cache = tmp_path / "build", tmp_path / "cache"
    command = [str(TOOLS / "sam" / "bin" / "sam"), "build", "--build-dir", str(built), "--cache-dir", str(cache)]
    run_command(*command, cwd=ROOT, env=environment, check=True)
    ours, theirs = build(), Build(built)
    assert resources(ours) == resources(theirs)
    assert {**ours.template, "Resources": {}} == {**theirs.template, "Resources": {}}
    for name, path in ours.zips.items():
        with zipfile.ZipFile(path) as zipped:
            files = {each: zipped.read(each) for each in zipped.namelist() if not each.endswith("/")}
        expected = [each for each in (built / name).rglob("*") if each.is_file()]
        assert files == {str(each.relative_to(built / name)): each.read_bytes() for each in expected}
