"""Build the template for this machine: each function and layer as a zip.

The result is what `sam build` makes, which a test compares, but it needs no SAM CLI.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
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
from local.setup import ROOT, VENV, WHEELHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / ".local" / "build"
SOURCES = ("template.yaml", "functions", "layers")
CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
"""Resource types that are built, each with the property that names the folder of its code."""
KEPT = 3
"""Number of builds to keep on disk, because another command may be deploying one of them."""


@dataclass(frozen=True)
class Build:
    """A completed build: ``template.yaml``, and a zip for each function and layer, named by its logical id."""

    folder: Path

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template, with intrinsic functions in their long form."""
        # libyaml is ten times as fast as PyYAML alone.
        parsed: dict[str, Any] = yaml.load((self.folder / "template.yaml").read_text(), Loader=yaml.CSafeLoader)
        return parsed

    @property
    def zips(self) -> dict[str, Path]:
        """Zip by logical id."""
        return {path.stem: path for path in self.folder.glob("*.zip")}


class Template(yaml.CSafeLoader):
    """Loader that writes CloudFormation's short forms out: ``!Ref X`` as ``{"Ref": "X"}``."""


def intrinsic(loader: Template, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """Return the long form of the intrinsic function ``!suffix``."""
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    text: str = node.value
    return {name: text.split(".", 1) if suffix == "GetAtt" else text}


Template.add_multi_constructor("!", intrinsic)


def build() -> Build:
    """Build the project, or return the earlier build of the same sources. Needs no network.

    Raises:
        LocalError: a layer can't be built.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with only_one(FOLDER / "lock"):
        done = FOLDER / f"build-{fingerprint()}"
        if not done.exists():
            unfinished = FOLDER / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            assemble(unfinished)
            unfinished.rename(done)
        done.touch()
        prune()
    return Build(done)


def assemble(folder: Path) -> None:
    """Write the template and the zips into ``folder``.

    Raises:
        LocalError: a layer can't be built.
    """
    template: dict[str, Any] = Template((ROOT / "template.yaml").read_text()).get_single_data()
    for name, resource in template["Resources"].items():
        if resource["Type"] in CODE:
            source = ROOT / resource["Properties"][CODE[resource["Type"]]]
            resource["Properties"][CODE[resource["Type"]]] = name
            if resource.get("Metadata", {}).get("BuildMethod") == "makefile":
                make(name, source, folder / name)
            else:
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.make_archive(str(folder / name), "zip", folder / name)
            shutil.rmtree(folder / name)
    # Dates without quotes are texts in CloudFormation.
    (folder / "template.yaml").write_text(json.dumps(template, default=str))


def make(name: str, source: Path, target: Path) -> None:
    """Build a layer with its own makefile, with wheels for this machine from the wheelhouse.

    Raises:
        LocalError: make failed; the message contains the last lines of its output.
    """
    environment = {
        "ARTIFACTS_DIR": str(target),
        "LAYER_PLATFORM": "host",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHON": str(VENV / "bin" / "python"),
        "WHEELHOUSE": str(WHEELHOUSE),
    }
    target.mkdir()
    command = ["make", "--silent", "-C", str(source), f"build-{name}"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        printed = (result.stdout + result.stderr).strip().splitlines()
        raise LocalError("\n".join([f"can't build {name}:", *printed[-20:]]))


def fingerprint() -> str:
    """Return a hash of everything that goes into a build."""
    digest = hashlib.sha256()
    for path in sorted(inputs()):
        digest.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()[:16]


def inputs() -> Iterator[Path]:
    """Return the files that a build is made from: the project's, the wheels, and this one."""
    yield from (Path(__file__), WHEELHOUSE / ".made-from")
    for source in (ROOT / name for name in SOURCES):
        for path in [source, *source.rglob("*")]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def prune() -> None:
    """Remove all builds but the newest :data:`KEPT`."""
    builds = sorted(FOLDER.glob("build-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in builds[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock for the ``with`` block, and wait for the process that has it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
