"""The local build: what makes it build again, and what it keeps. `sam build` itself runs in tests/e2e."""

import os
import zipfile
from pathlib import Path

import pytest

from local.cloud import build as module
from local.cloud.build import Build, build
from local.errors import LocalError

TEMPLATE = """
Resources:
  Worker: {Type: "AWS::Serverless::Function", Properties: {CodeUri: Worker}}
  Shared: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: Shared}}
  Queue: {Type: "AWS::SQS::Queue"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one function and one layer, in which `sam build` writes what it would write."""

    def sam_build(into: Path) -> None:
        for name in ("Worker", "Shared"):
            (into / name).mkdir(parents=True)
            (into / name / "code.py").write_text((tmp_path / "functions" / "worker.py").read_text())
        (into / "template.yaml").write_text(TEMPLATE)

    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "worker.py").write_text("first")
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / ".made-from").write_text("wheels")
    for name, value in {"ROOT": tmp_path, "FOLDER": tmp_path / "build", "WHEELHOUSE": tmp_path}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "TOOLS", tmp_path)
    (tmp_path / "sam").mkdir()
    (tmp_path / "sam" / ".made-from").write_text("sam")
    monkeypatch.setattr(module, "sam_build", sam_build)
    return tmp_path


def code(built: Build, name: str) -> str:
    with zipfile.ZipFile(built.zips[name]) as zipped:
        return zipped.read("code.py").decode()


def test_each_function_and_layer_becomes_a_zip(project: Path) -> None:
    built = build()
    assert set(built.zips) == {"Worker", "Shared"}
    assert code(built, "Worker") == "first"
    assert set(built.template["Resources"]) == {"Worker", "Shared", "Queue"}
    assert project in built.folder.parents


def test_unchanged_sources_are_not_built_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build()
    monkeypatch.setattr(module, "sam_build", pytest.fail)
    (project / "functions" / "__pycache__").mkdir()
    (project / "functions" / "__pycache__" / "worker.pyc").write_text("bytecode")
    assert build() == first


@pytest.mark.parametrize("source", ["functions/worker.py", "functions/new.py", "template.yaml", ".made-from"])
def test_a_change_of_any_source_is_built(project: Path, source: str) -> None:
    first = build()
    (project / source).write_text("changed")
    assert build().folder != first.folder


def test_only_the_latest_builds_are_kept(project: Path) -> None:
    folders = []
    for number in range(5):
        (project / "functions" / "worker.py").write_text(str(number))
        folders.append(build().folder)
        os.utime(folders[-1], (number, number))
    (project / "functions" / "worker.py").write_text("last")
    folders.append(build().folder)
    assert [folder for folder in folders if folder.exists()] == folders[-3:]


def test_a_failed_build_is_told_and_leaves_no_build(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(into: Path) -> None:
        into.mkdir()
        raise LocalError("sam build failed:\nno such layer")

    monkeypatch.setattr(module, "sam_build", fail)
    with pytest.raises(LocalError, match="no such layer"):
        build()
    assert list((project / "build").glob("build-*")) == []
