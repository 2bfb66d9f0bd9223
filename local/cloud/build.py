"""`sam build` of the template for this machine: the functions and the layer, each as a zip."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.errors import LocalError
from local.setup import ROOT, TOOLS, VENV, WHEELHOUSE
from local.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / ".local" / "build"
SOURCES = ("template.yaml", "functions", "layers")
CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
"""Types of resources that are built, and the property that holds where their code is."""
KEPT = 3
"""Builds that stay on disk: another command may be deploying one of them."""


@dataclass(frozen=True)
class Build:
    """A finished build: ``template.yaml``, and beside it a zip for each function and layer, named by its logical id."""

    folder: Path

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template, intrinsic functions in their long form."""
        # libyaml reads it ten times as fast as PyYAML alone does.
        parsed: dict[str, Any] = yaml.load((self.folder / "template.yaml").read_text(), Loader=yaml.CSafeLoader)
        return parsed

    @property
    def zips(self) -> dict[str, Path]:
        """Zip by logical id."""
        return {path.stem: path for path in self.folder.glob("*.zip")}


def build() -> Build:
    """Build the project, unless just these sources were built before. Needs no network.

    Raises:
        LocalError: `sam build` failed.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with only_one(FOLDER / "lock"):
        done = FOLDER / f"build-{fingerprint()}"
        if not done.exists():
            unfinished = FOLDER / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            sam_build(unfinished)
            pack(unfinished)
            unfinished.rename(done)
        done.touch()
        prune()
    return Build(done)


def sam_build(into: Path) -> None:
    """Run `sam build`, with the layer's wheels for this machine, out of the wheelhouse.

    Raises:
        LocalError: it failed; with the end of what it printed.
    """
    environment = {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "HOME": str(FOLDER),
        "LAYER_PLATFORM": "host",
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHON": str(VENV / "bin" / "python"),
        "SAM_CLI_TELEMETRY": "0",
        "WHEELHOUSE": str(WHEELHOUSE),
    }
    command = [tool("sam", "sam"), "build", "--cached", "--build-dir", str(into), "--cache-dir", f"{FOLDER}/cache"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LocalError("\n".join(["sam build failed:", *(result.stdout + result.stderr).strip().splitlines()[-20:]]))


def pack(folder: Path) -> None:
    """Zip what was built for each function and layer."""
    for name, resource in Build(folder).template["Resources"].items():
        if resource["Type"] in CODE:
            source = folder / resource["Properties"][CODE[resource["Type"]]]
            shutil.make_archive(str(folder / name), "zip", source)
            shutil.rmtree(source)


def fingerprint() -> str:
    """Hash of all that goes into a build."""
    digest = hashlib.sha256()
    for path in sorted(inputs()):
        digest.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()[:16]


def inputs() -> Iterator[Path]:
    """The files that a build is made from: the project's, the wheels, SAM CLI, and this one."""
    yield from (Path(__file__), WHEELHOUSE / ".made-from", TOOLS / "sam" / ".made-from")
    for source in (ROOT / name for name in SOURCES):
        for path in [source, *source.rglob("*")]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def prune() -> None:
    """Remove all builds but the latest."""
    builds = sorted(FOLDER.glob("build-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in builds[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Wait until no other process is in here."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
