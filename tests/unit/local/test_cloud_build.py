"""The local build: when it builds again, and which builds it keeps."""

import os
import zipfile
from pathlib import Path

import pytest

from local.cloud import build as module
from local.cloud.build import Build, build
from local.errors import LocalError

TEMPLATE = """
Resources:
  Worker: {Type: "AWS::Serverless::Function", Properties: {CodeUri: functions/worker}}
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layers/shared}
    Metadata: {BuildMethod: makefile}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Stage}-runs", RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn.Value}}
    Condition: IsProd
Conditions:
  IsProd: !Equals [!Ref Stage, 2026-11-20]
"""
MAKEFILE = 'build-Shared:\n\t@cp code.py "$(ARTIFACTS_DIR)/code.py"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one function and one layer."""
    for folder in ("functions/worker", "layers/shared"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "code.py").write_text("first")
    (tmp_path / "layers/shared/Makefile").write_text(MAKEFILE)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / ".made-from").write_text("wheels")
    for name, value in {"ROOT": tmp_path, "FOLDER": tmp_path / "build", "WHEELHOUSE": tmp_path}.items():
        monkeypatch.setattr(module, name, value)
    return tmp_path


def code(built: Build, name: str) -> str:
    with zipfile.ZipFile(built.zips[name]) as zipped:
        return zipped.read("code.py").decode()


def test_each_function_and_layer_becomes_a_zip(project: Path) -> None:
    built = build()
    assert set(built.zips) == {"Worker", "Shared"}
    assert (code(built, "Worker"), code(built, "Shared")) == ("first", "first")
    assert project in built.folder.parents


@pytest.mark.usefixtures("project")
def test_the_template_has_intrinsic_functions_in_their_long_form_and_dates_as_texts() -> None:
    template = build().template
    assert template["Conditions"] == {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "2026-11-20"]}}
    assert template["Resources"]["Queue"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${Stage}-runs"},
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn.Value"]}},
    }


def test_unchanged_sources_are_not_built_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build()
    monkeypatch.setattr(module, "assemble", pytest.fail)
    (project / "functions" / "__pycache__").mkdir()
    (project / "functions" / "__pycache__" / "worker.pyc").write_text("bytecode")
    assert build() == first


@pytest.mark.parametrize(
    "source", ["functions/worker/code.py", "functions/worker/new.py", "layers/shared/code.py", ".made-from"]
)
def test_a_change_of_any_source_is_built(project: Path, source: str) -> None:
    first = build()
    (project / source).write_text("changed")
    assert build().folder != first.folder


def test_a_change_of_the_template_is_built(project: Path) -> None:
    first = build()
    (project / "template.yaml").write_text(TEMPLATE + "Description: changed")
    assert build().folder != first.folder


def test_only_the_newest_builds_are_kept(project: Path) -> None:
    folders = []
    for number in range(5):
        (project / "functions" / "worker" / "code.py").write_text(str(number))
        folders.append(build().folder)
        os.utime(folders[-1], (number, number))
    (project / "functions" / "worker" / "code.py").write_text("last")
    folders.append(build().folder)
    assert [folder for folder in folders if folder.exists()] == folders[-3:]


def test_a_failed_build_is_reported_and_leaves_no_build(project: Path) -> None:
    (project / "layers" / "shared" / "code.py").unlink()
    with pytest.raises(LocalError, match=r"(?s)can't build Shared:\n.*code\.py"):
        build()
    assert list((project / "build").glob("build-*")) == []
