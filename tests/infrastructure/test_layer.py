"""Tests of the layer as it is deployed: built by its makefile, offline, from the wheels that set-up downloaded."""

import hashlib
import importlib.util
import os
import sys
import zipfile
from pathlib import Path

import pytest

from local.setup import ROOT
from tests.support.commands import run_command

MAX_ZIPPED_BYTES = 7_000_000
UNCHECKED_HASH = 0b01


def build(into: Path, platform: str) -> Path:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "WHEELHOUSE": str(ROOT / ".tools" / "wheelhouse"),
        "LAYER_PLATFORM": platform,
        "ARTIFACTS_DIR": str(into),
        "PIP_NO_INDEX": "1",
    }
    command = ["make", "--silent", "-C", str(ROOT / "layers" / "shared"), "build-SharedLayer"]
    result = run_command(*command, env=environment)
    assert result.returncode == 0, result.stderr
    return into


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("layer"), "lambda")


def zipped(layer: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(layer.rglob("*")):
            archive.write(file, file.relative_to(layer))
    return to


def digest(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_each_module_has_bytecode_that_python_uses_without_checking_the_source(layer: Path) -> None:
    modules = list((layer / "python").rglob("*.py"))

    assert len(modules) > 200
    for module in modules:
        compiled = Path(importlib.util.cache_from_source(str(module)))
        header = compiled.read_bytes()[:16]
        assert header[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(header[4:8], "little") == UNCHECKED_HASH
        assert header[8:16] == importlib.util.source_hash(module.read_bytes())


def test_bytecode_contains_the_path_where_lambda_mounts_the_layer(layer: Path) -> None:
    import marshal

    compiled = importlib.util.cache_from_source(str(layer / "python" / "aichats" / "errors.py"))

    assert marshal.loads(Path(compiled).read_bytes()[16:]).co_filename == "/opt/python/aichats/errors.py"


def test_the_zipped_layer_is_smaller_than_seven_megabytes(layer: Path, tmp_path: Path) -> None:
    assert zipped(layer, tmp_path / "layer.zip").stat().st_size < MAX_ZIPPED_BYTES


def test_the_layer_contains_nothing_that_lambda_does_not_need(layer: Path) -> None:
    packages = {entry.name for entry in (layer / "python").iterdir()}

    assert "aichats" in packages
    assert packages & {"boto3", "botocore", "pip", "bin", "h2", "aws_xray_sdk"} == set()
    assert list(layer.rglob("tests")) == []
    assert list(layer.rglob("*.egg-info")) == []


def test_the_binaries_are_for_lambda_on_every_build_machine(layer: Path) -> None:
    binaries = [file.name for file in layer.rglob("*.so")]

    assert binaries
    assert [name for name in binaries if "cpython-313-x86_64-linux-gnu" not in name] == []


def test_two_clean_builds_are_the_same(layer: Path, tmp_path: Path) -> None:
    assert digest(build(tmp_path, "lambda")) == digest(layer)


def test_every_module_of_the_package_imports_from_the_layer_alone(tmp_path: Path) -> None:
    built = build(tmp_path, "host")
    names = [
        ".".join(file.relative_to(built / "python").with_suffix("").parts).removesuffix(".__init__")
        for file in (built / "python" / "aichats").rglob("*.py")
    ]
    runtime = ROOT / ".tools" / "runtime" / "bin" / "python"
    environment = {"PYTHONPATH": str(built / "python"), "PYTHONDONTWRITEBYTECODE": "1"}

    code = f"import importlib; [importlib.import_module(name) for name in {sorted(names)!r}]"
    done = run_command(runtime, "-c", code, env=environment)

    assert (done.returncode, done.stderr) == (0, "")


def test_performing_runs_imports_what_fetches_attachments_only_for_an_attachment() -> None:
    code = "import sys, aichats.runs.providers.whop; print(*sorted(sys.modules))"
    result = run_command(sys.executable, "-c", code, check=True)

    fetching = {"aichats.http.download", "aichats.http.addresses", "aichats.aws.objects", "aichats.whop.files"}
    assert fetching & set(result.stdout.split()) == set()


def test_performing_runs_imports_automations_only_for_an_event() -> None:
    code = "import sys, aichats.bootstrap, aichats.runs.messages; print(*sorted(sys.modules))"
    result = run_command(sys.executable, "-c", code, check=True)

    assert [name for name in result.stdout.split() if name.startswith("aichats.automations")] == []
