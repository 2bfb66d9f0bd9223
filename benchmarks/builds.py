"""The measured functions, built by `sam build` as for a deployment."""

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.errors import BenchmarkError
from local.setup import ROOT, TOOLS, VENV, WHEELHOUSE, clean_environment

FOLDER = ROOT / ".local" / "benchmark"
RUNTIME = TOOLS / "runtime"
MB = 1_000_000


@dataclass(frozen=True)
class Package:
    """A deployed function.

    Attributes:
        function: its own folder.
        layers: the folders of its layers.
        opt: the folder with the files of all its layers, as Lambda unpacks them into ``/opt``; ``None`` without layers.
        handler: the name of its handler.
    """

    function: Path
    layers: tuple[Path, ...] = ()
    opt: Path | None = None
    handler: str = "app.lambda_handler"

    @property
    def zipped_mb(self) -> float:
        """The size of the upload in 10^6 bytes: function and layers together."""
        return sum(zipped_bytes(folder) for folder in (self.function, *self.layers)) / MB

    @property
    def has_certificates(self) -> bool:
        """True if a layer ships the folder of certificates that it reads."""
        return any((layer / "python" / "certificates").is_dir() for layer in self.layers)


def build(functions: Mapping[str, str]) -> dict[str, Package]:
    """Build the compared variants and functions of this project. Unchanged parts come from the cache of `sam build`.

    Args:
        functions: the names of functions in the template, by the names in the result.

    Raises:
        BenchmarkError: `sam build` failed, or the environments are missing.
    """
    ours = sam_build(FOLDER / "aichats", ROOT / "template.yaml")
    others = sam_build(FOLDER / "variants", ROOT / "benchmarks" / "variants" / "template.yaml")
    compile_runtime()
    return {
        "empty": Package(others / "Empty"),
        "floor": Package(others / "Floor"),
        "official": Package(others / "Official"),
        "official with a ledger": Package(others / "Official", handler="with_ledger.lambda_handler"),
        **{name: package(ours, function) for name, function in functions.items()},
    }


def package(built: Path, function: str) -> Package:
    """Return a function of the template from the folder of `sam build`."""
    layers = tuple(built / name for name in layers_of(function))
    return Package(built / function, layers, opt=merged(layers))


def layers_of(function: str) -> list[str]:
    """Return the names of a function's layers in the template: those of all functions, and its own."""
    loader = _Loader((ROOT / "template.yaml").read_text())
    template: dict[str, Any] = loader.get_single_data()
    places = (template["Globals"]["Function"], template["Resources"][function]["Properties"])
    return [layer for place in places for layer in place.get("Layers", [])]


class _Loader(yaml.SafeLoader):
    """Loader that returns the name of a resource for a reference, and nothing for other short forms."""


_Loader.add_multi_constructor("!", lambda *_: None)
_Loader.add_constructor("!Ref", lambda _, node: str(node.value))


def merged(layers: Sequence[Path]) -> Path:
    """Return a folder with the files of all layers. A package of Python may have its modules in several layers."""
    whole = FOLDER / "opt" / "-".join(layer.name for layer in layers)
    shutil.rmtree(whole, ignore_errors=True)
    for layer in layers:
        shutil.copytree(layer, whole, dirs_exist_ok=True, copy_function=os.link)
    return whole


def sam_build(folder: Path, template: Path, *resources: str) -> Path:
    """Run `sam build` within ``folder``. Return the folder with a subfolder for each function and layer.

    Raises:
        BenchmarkError: `sam build` failed; the message has the end of its output.
    """
    environment = clean_environment()
    environment |= {
        "PATH": f"{VENV / 'bin'}:{environment['PATH']}",
        "PYTHON": str(VENV / "bin" / "python"),
        "SAM_CLI_TELEMETRY": "0",
        "WHEELHOUSE": str(WHEELHOUSE),
    }
    options = ["--template-file", str(template), "--cached", "--build-dir", "build", "--cache-dir", "cache"]
    folder.mkdir(parents=True, exist_ok=True)
    run([str(TOOLS / "sam" / "bin" / "sam"), "build", *resources, *options], folder, environment)
    return folder / "build"


def compile_runtime() -> None:
    """Compile the runtime's own packages, so that the first rounds don't."""
    compileall = [str(RUNTIME / "bin" / "python"), "-m", "compileall", "-q", str(RUNTIME / "lib")]
    run(compileall, FOLDER, clean_environment())


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a command in a folder.

    Raises:
        BenchmarkError: the command is missing or failed; the message has the end of its output.
    """
    try:
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BenchmarkError(f"{command[0]} is missing. Run `make setup`") from None
    if result.returncode:
        printed = (result.stdout + result.stderr).strip().splitlines()
        raise BenchmarkError("\n  ".join([f"failed: {' '.join(command[:3])}", *printed[-15:]]))


def zipped_bytes(folder: Path) -> int:
    """Return the size of a folder's zip as `sam package` makes it: deflated at zlib's default level."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return buffer.tell()
