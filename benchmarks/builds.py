"""The measured functions, built by `sam build` as for a deployment."""

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
    """A deployed function: its own folder, and the folder of its layer, if any."""

    function: Path
    layer: Path | None = None

    @property
    def zipped_mib(self) -> float:
        """The size of the upload: function and layer together."""
        return sum(zipped_bytes(folder) for folder in (self.function, self.layer) if folder) / MIB


def build() -> dict[str, Package]:
    """Return the built functions by name. Unchanged parts come from the cache of `sam build`, without the network.

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
