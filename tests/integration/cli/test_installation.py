"""The packages of the command `aichats`, and its installation into an empty environment."""

import re
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.setup import ROOT, clean_environment, requirements, uv
from tests.support.commands import run_command

CLI = ROOT / "cli"
PROJECT = tomllib.loads((CLI / "pyproject.toml").read_text())["project"]
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the source distribution and the wheel, built from the repository."""
    return build(CLI, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """Return the wheel."""
    return next(built.glob("*.whl"))


def test_the_wheel_has_the_command_and_the_layer_and_nothing_else(wheel: Path) -> None:
    files = {name.partition("/")[0] for name in contents(wheel)}

    assert files == {"aichats_cli", "aichats", f"aichats_cli-{PROJECT['version']}.dist-info"}
    assert {"aichats_cli/py.typed", "aichats_cli/start.py", "aichats/errors.py"} <= contents(wheel).keys()


def test_the_source_distribution_builds_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    run_command("tar", "xf", next(built.glob("*.tar.gz")), "-C", tmp_path, check=True)
    unpacked = tmp_path / f"aichats_cli-{PROJECT['version']}"

    again = build(unpacked, tmp_path / "again", "-t", "wheel")

    assert contents(next(again.glob("*.whl"))) == contents(wheel)


def test_the_metadata_have_the_page_and_the_license(wheel: Path) -> None:
    files = contents(wheel)
    info = f"aichats_cli-{PROJECT['version']}.dist-info"

    assert (CLI / "README.md").read_bytes() in files[f"{info}/METADATA"]
    assert files[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_the_extra_for_administrators_has_what_the_layer_needs() -> None:
    extra = PROJECT["optional-dependencies"]["admin"]

    assert set(WHOLE["dependencies"]) <= {*extra, *PROJECT["dependencies"]}
    assert any(each.startswith("boto3") for each in extra)
    assert not any(each.startswith(("boto", "pydantic", "aws")) for each in PROJECT["dependencies"])


def test_the_command_has_the_version_of_the_project() -> None:
    assert PROJECT["version"] == WHOLE["version"]


def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run_command(uv(), "venv", "-q", "--python", sys.executable, environment, check=True)
    pip: list[str | Path] = ["pip", "install", "--python", environment / "bin" / "python", "--no-deps"]
    (tmp_path / "pins.txt").write_text(pins(needed(PROJECT["dependencies"])))
    offline(*pip, "--require-hashes", "-r", tmp_path / "pins.txt")
    offline(*pip, wheel)
    offline("pip", "check", "--python", environment / "bin" / "python")

    shown = run_command(environment / "bin" / "aichats", "--help", env={}, cwd=tmp_path)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage: aichats")
    without_extra = run_command(environment / "bin" / "aichats", "login", "--stack", "x", env={"HOME": str(tmp_path)})
    assert "--stack needs packages for AWS that are not installed: boto3" in without_extra.stderr


def test_uvx_runs_the_folder_of_the_repository(tmp_path: Path) -> None:
    shown = offline("tool", "run", "--python", sys.executable, "--from", CLI, "aichats", "--version", cwd=tmp_path)

    assert shown.startswith(f"aichats {PROJECT['version']} ")


def build(folder: Path, into: Path, *options: str) -> Path:
    """Build the packages of a folder, without a network."""
    run_command(sys.executable, "-m", "hatchling", "build", "-d", into, *options, cwd=folder, check=True)
    return into


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def needed(requirements_of: Iterable[str], found: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the names of the packages that requirements lead to, without extras."""
    for each in map(Requirement, requirements_of):
        name = canonicalize_name(each.name)
        if name not in found and (each.marker is None or each.marker.evaluate({"extra": ""})):
            found = needed(metadata.requires(name) or [], found | {name})
    return found


def pins(names: frozenset[str]) -> str:
    """Return the lines of the requirements of the local commands that pin these packages, with their hashes."""
    blocks = re.split(r"(?m)^(?=[a-z])", requirements("local")[0].read_text())
    return "".join(block for block in blocks if block.partition("==")[0] in names)


def offline(*arguments: str | Path, cwd: Path | None = None) -> str:
    """Run uv without a network, and return the output. Skip the test if a package isn't in uv's cache."""
    done = run_command(uv(), "--offline", *arguments, cwd=cwd, env=clean_environment())
    if done.returncode and "network was disabled" in done.stderr:
        pytest.skip(f"uv has not fetched all packages yet: {done.stderr.splitlines()[-1].strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout
