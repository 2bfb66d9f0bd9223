"""Tests of the layer as it is deployed: built by its makefile, offline, from the wheels that set-up downloaded."""

import hashlib
import importlib.util
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from local.setup import ROOT
from tests.support.commands import run_command
from tests.support.layers import LAYERS, build_layer

MAX_ZIPPED_BYTES = {"SharedLayer": 5_400_000, "ApiLayer": 1_600_000}
UNCHECKED_HASH = 0b01


@pytest.fixture(scope="module", params=LAYERS)
def layer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name: str = request.param
    return build_layer(name, tmp_path_factory.mktemp("layers") / name, "lambda")


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

    assert len(modules) > 50
    for module in modules:
        compiled = Path(importlib.util.cache_from_source(str(module)))
        header = compiled.read_bytes()[:16]
        assert header[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(header[4:8], "little") == UNCHECKED_HASH
        assert header[8:16] == importlib.util.source_hash(module.read_bytes())


def test_bytecode_contains_the_path_where_lambda_mounts_the_layer(layer: Path) -> None:
    import marshal

    module = min((layer / "python" / "aichats").rglob("app.py" if layer.name == "ApiLayer" else "errors.py"))
    compiled = importlib.util.cache_from_source(str(module))

    assert marshal.loads(Path(compiled).read_bytes()[16:]).co_filename == f"/opt/{module.relative_to(layer)}"


def test_the_zipped_layer_is_small(layer: Path, tmp_path: Path) -> None:
    assert zipped(layer, tmp_path / "layer.zip").stat().st_size < MAX_ZIPPED_BYTES[layer.name]


def test_the_layer_contains_nothing_that_lambda_does_not_need(layer: Path) -> None:
    packages = {entry.name for entry in (layer / "python").iterdir()}

    assert "aichats" in packages
    assert packages & {"boto3", "botocore", "pip", "bin", "h2", "aws_xray_sdk"} == set()
    assert list(layer.rglob("tests")) == []
    assert list(layer.rglob("*.egg-info")) == []


def test_the_binaries_are_for_lambda_on_every_build_machine(layer: Path) -> None:
    binaries = [file.name for file in layer.rglob("*.so")]

    assert bool(binaries) == (layer.name == "SharedLayer")
    assert [name for name in binaries if "cpython-313-x86_64-linux-gnu" not in name] == []


def test_two_clean_builds_are_the_same(layer: Path, tmp_path: Path) -> None:
    assert digest(build_layer(layer.name, tmp_path, "lambda")) == digest(layer)


@pytest.fixture(scope="module")
def layers_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("layers")
    return {name: build_layer(name, folder / name, "host") for name in LAYERS}


def test_a_layer_alone_has_everything_for_the_functions_without_an_api(layers_of_this_machine: dict[str, Path]) -> None:
    imports_everything_in(layers_of_this_machine["SharedLayer"])


def test_both_layers_have_everything_for_the_functions_with_an_api(
    layers_of_this_machine: dict[str, Path], tmp_path: Path
) -> None:
    for layer in layers_of_this_machine.values():
        shutil.copytree(layer, tmp_path, dirs_exist_ok=True)

    imports_everything_in(tmp_path)
    # The parser of forms is imported only when a form comes.
    form = "from aichats.api.forms import read_form; read_form(b'--x--', 'multipart/form-data; boundary=x')"
    runtime = ROOT / ".tools" / "runtime" / "bin" / "python"
    assert run_command(runtime, "-c", form, env={"PYTHONPATH": str(tmp_path / "python")}).stderr == ""


def test_no_file_is_in_both_layers(layers_of_this_machine: dict[str, Path]) -> None:
    shared, api = (set(digest(layer)) for layer in layers_of_this_machine.values())

    assert shared & api == set()


def imports_everything_in(layers: Path) -> None:
    """Import each module of the package, with what the layers contain and nothing else."""
    names = [
        ".".join(file.relative_to(layers / "python").with_suffix("").parts).removesuffix(".__init__")
        for file in (layers / "python" / "aichats").rglob("*.py")
    ]
    runtime = ROOT / ".tools" / "runtime" / "bin" / "python"
    environment = {"PYTHONPATH": str(layers / "python"), "PYTHONDONTWRITEBYTECODE": "1"}

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
