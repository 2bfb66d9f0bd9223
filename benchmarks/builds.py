"""What is measured, built by `sam build` as it would be deployed."""

import io
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from local.setup import ROOT, TOOLS, VENV, WHEELHOUSE, clean_environment

FOLDER = ROOT / ".local" / "benchmark"
RUNTIME = TOOLS / "runtime"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Package:
    """A function as it is deployed: its own folder and the layer's, if it has one."""

    function: Path
    layer: Path | None = None

    @property
    def zipped_mib(self) -> float:
        """What is uploaded, function and layer together."""
        return sum(zipped_bytes(folder) for folder in (self.function, self.layer) if folder) / MIB


def build() -> dict[str, Package]:
    """Build what is measured, by name. What did not change is taken from `sam build`'s cache, without the network.

    Raises:
        BenchmarkError: `sam build` failed, or the environments are missing.
    """
    ours = sam_build(FOLDER / "aichats", ROOT / "template.yaml", "RunScheduleFunction")
    others = sam_build(FOLDER / "variants", ROOT / "benchmarks" / "variants" / "template.yaml")
    compile_runtime()
    return {
        "run_schedule": Package(ours / "RunScheduleFunction", layer=ours / "SharedLayer"),
        "official": Package(others / "Official"),
        "empty": Package(others / "Empty"),
    }


def sam_build(folder: Path, template: Path, *resources: str) -> Path:
    """Run `sam build` within ``folder``; returns where it put a folder for each function and layer.

    Raises:
        BenchmarkError: it failed; with the end of what it printed.
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
    """Give the runtime's own packages the bytecode that they would otherwise get in the first rounds."""
    compileall = [str(RUNTIME / "bin" / "python"), "-m", "compileall", "-q", str(RUNTIME / "lib")]
    run(compileall, FOLDER, clean_environment())


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a command in a folder.

    Raises:
        BenchmarkError: it is missing or failed; with the end of what it printed.
    """
    try:
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BenchmarkError(f"{command[0]} is missing: run `make setup`") from None
    if result.returncode:
        printed = (result.stdout + result.stderr).strip().splitlines()
        raise BenchmarkError("\n  ".join([f"failed: {' '.join(command[:3])}", *printed[-15:]]))


def zipped_bytes(folder: Path) -> int:
    """Size of a folder's zip, made as `sam package` makes it: deflated at zlib's own level."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return buffer.tell()
