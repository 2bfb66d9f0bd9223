"""`make deploy`: what is asked at a stack's first deploy, and what `sam deploy` is called with."""

import io
import json
import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aichats_cli.admin.deployed import DeployedError
from local import deploy
from local.setup import ROOT, TOOLS
from tests.support.commands import run_command
from tests.support.ledgers import create_table
from tests.support.template import load_template, of_type

STACK = "aichats-dev"
ENTER = ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Sam:
    """A fake SAM CLI that records its calls."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self.path = folder / "sam"
        self.path.write_text(f'#!/bin/sh\nfor each; do printf "%s\\0" "$each"; done > {self._calls}\n')
        self.path.chmod(0o755)

    @property
    def arguments(self) -> list[str]:
        return self._calls.read_text().split("\0")[:-1]

    @property
    def was_called(self) -> bool:
        return self._calls.exists()

    @property
    def parameters(self) -> dict[str, str]:
        start = self.arguments.index("--parameter-overrides") + 1
        found = [text.partition("=") for text in self.arguments[start:] if not text.startswith("--")]
        return {name: value[1:-1] for name, _, value in found}


@pytest.fixture
def sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sam]:
    mock = Sam(tmp_path)
    monkeypatch.setattr(deploy, "tool", lambda _environment, _name: str(mock.path))
    monkeypatch.setattr(deploy, "built_template", load_template)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with mock_aws():
        yield mock


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standard input that is no terminal, so that nothing is asked."""
    monkeypatch.setattr("sys.stdin", io.StringIO())


def answering(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))


def create_stack(name: str = STACK) -> None:
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(topic))


def test_a_first_deploy_asks_a_few_questions_and_writes_nothing_into_a_tracked_file(
    sam: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (ROOT / "samconfig.toml").read_bytes()
    answering(monkeypatch, "biz_A", "How was the week?", ENTER, "America/New_York", "ops@example.com")
    assert deploy.main([]) == 0
    assert sam.parameters == {
        "Stage": "dev",
        "CompanyId": "biz_A",
        "Message": "How was the week?",
        "ScheduleExpression": "cron(0 9 ? * MON *)",
        "ScheduleTimezone": "America/New_York",
        "AlarmEmail": "ops@example.com",
    }
    assert "--guided" not in sam.arguments
    # The changes are shown and confirmed, as samconfig.toml says.
    assert "--no-confirm-changeset" not in sam.arguments
    assert (ROOT / "samconfig.toml").read_bytes() == before


def test_an_answer_that_does_not_fit_is_asked_for_again(
    sam: Sam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, ENTER, 'Say "hello"', "Say hello", ENTER, ENTER, ENTER)
    assert deploy.main([]) == 0
    assert sam.parameters["Message"] == "Say hello"
    assert "one line without double quotes and backslashes" in capsys.readouterr().out


def test_what_is_given_is_not_asked_for(sam: Sam, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ENTER, ENTER, ENTER, ENTER)
    assert deploy.main(["--parameters", "AlarmEmail=ops@example.com 'ScheduleExpression=rate(1 hour)'"]) == 0
    assert sam.parameters["AlarmEmail"] == "ops@example.com"
    assert sam.parameters["ScheduleExpression"] == "rate(1 hour)"


def test_a_later_deploy_asks_nothing_and_names_only_what_changes(sam: Sam, monkeypatch: pytest.MonkeyPatch) -> None:
    create_stack("aichats-prod")
    answering(monkeypatch)
    assert deploy.main(["--env", "prod", "--parameters", "MaxConcurrency=10"]) == 0
    # SAM CLI keeps the other parameters as they are in the stack.
    assert sam.parameters == {"Stage": "prod", "MaxConcurrency": "10"}
    assert sam.arguments[:3] == ["deploy", "--config-env", "prod"]


def test_without_a_terminal_nothing_is_asked_and_nothing_waits_for_a_confirmation(
    sam: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert deploy.main([]) == 0
    assert sam.parameters == {"Stage": "dev"}
    assert sam.arguments[-1] == "--no-confirm-changeset"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "qa"], "deploy: samconfig.toml has no environment 'qa'. Use one of: default, staging, prod\n"),
        (["--parameters", "Color=red"], "deploy: template.yaml has no parameter Color\n"),
        (["--parameters", "AlarmEmail"], "deploy: 'AlarmEmail' is not Name=value\n"),
        (
            ["--parameters", "Message=What's new?"],
            f"deploy: a quote is not closed in Message=What's new?. Put the value in quotes: {deploy.QUOTED}\n",
        ),
    ],
)
def test_a_mistake_is_reported_before_anything_is_deployed(
    sam: Sam, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main(arguments) == 1
    assert capsys.readouterr().err == message
    assert not sam.was_called


class CloudFormation:
    """Knows one stack, in some state."""

    def __init__(self, status: str) -> None:
        self._status = status

    def describe_stacks(self, **_request: str) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self._status}]}


def test_a_first_deploy_that_failed_has_to_be_deleted_and_the_message_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "client", lambda _service: CloudFormation("ROLLBACK_COMPLETE"))
    with pytest.raises(DeployedError, match=r"Delete it, .* aws cloudformation delete-stack --stack-name aichats-dev$"):
        deploy.is_there(STACK)


@pytest.mark.parametrize(("status", "there"), [("REVIEW_IN_PROGRESS", False), ("UPDATE_ROLLBACK_COMPLETE", True)])
def test_a_stack_whose_changes_were_never_confirmed_is_not_there(
    status: str, *, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", lambda _service: CloudFormation(status))
    assert deploy.is_there(STACK) is there


def test_a_new_stack_takes_over_the_secrets_and_the_table_that_a_deleted_one_left(
    sam: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="aichats/dev/whop", SecretString='{"api_key": "kept"}')["ARN"]
    secrets.create_secret(Name="aichats/prod/kodey", SecretString="{}")
    create_table(boto3.client("dynamodb"), "aichats-dev-RunsTable-1A2B")
    create_table(boto3.client("dynamodb"), "aichats-dev2-RunsTable-3C4D")
    adopted: list[Any] = []
    monkeypatch.setattr(deploy, "adopt", lambda *call: adopted.append(call))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert deploy.main([]) == 0
    [(_template, stack, stage, resources)] = adopted
    assert (stack, stage) == (STACK, "dev")
    assert {each["LogicalResourceId"]: each["ResourceIdentifier"] for each in resources} == {
        "WhopSecret": {"Id": arn},
        "RunsTable": {"TableName": "aichats-dev-RunsTable-1A2B"},
    }
    assert sam.was_called


def press_ctrl_c(_prompt: str) -> str:
    raise KeyboardInterrupt


@pytest.mark.parametrize("read", [input, press_ctrl_c])
def test_a_question_without_an_answer_ends_the_deploy_before_anything_is_created(
    sam: Sam, read: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("secretsmanager").create_secret(Name="aichats/dev/whop", SecretString="{}")
    adopted: list[Any] = []
    monkeypatch.setattr(deploy, "adopt", lambda *call: adopted.append(call))
    answering(monkeypatch, "biz_A")
    monkeypatch.setattr("builtins.input", read)
    assert deploy.main([]) == 1
    assert capsys.readouterr().err.startswith("deploy: no answer, so nothing was deployed. To be asked less")
    assert (adopted, sam.was_called) == ([], False)


def test_a_quoted_value_reaches_the_command_through_make_as_the_error_shows_it(tmp_path: Path) -> None:
    options = shlex.join(["--silent", "--old-file=build", f"BIN={tmp_path}"])
    scripts = {
        "python": 'for last; do :; done\nprintf %s "$last"',
        "make": f'exec {shutil.which("make")} {options} "$@"',
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])

    read = run_command("sh", "-c", deploy.QUOTED, cwd=ROOT, env=os.environ | {"PATH": path})

    assert deploy.pairs(read.stdout) == {"Message": "What's new?"}


@pytest.mark.usefixtures("no_terminal")
def test_the_secrets_to_take_over_are_those_of_the_stage_that_is_deployed(
    sam: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    arns = {
        stage: boto3.client("secretsmanager").create_secret(Name=f"aichats/{stage}/whop", SecretString="{}")["ARN"]
        for stage in ("dev", "prod")
    }
    adopted: list[Any] = []
    monkeypatch.setattr(deploy, "adopt", lambda *call: adopted.append(call))
    assert deploy.main(["--parameters", "Stage=prod"]) == 0
    [(_template, _stack, stage, resources)] = adopted
    assert (stage, sam.parameters["Stage"]) == ("prod", "prod")
    assert [each["ResourceIdentifier"] for each in resources] == [{"Id": arns["prod"]}]


def test_of_several_tables_that_were_left_a_person_chooses(
    sam: Sam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("aichats-dev-RunsTable-1A2B", "aichats-dev-RunsTable-restored"):
        create_table(boto3.client("dynamodb"), name)
    adopted: list[Any] = []
    monkeypatch.setattr(deploy, "adopt", lambda *call: adopted.append(call))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert deploy.main([]) == 1
    assert "Name the one to use: aichats admin deploy --table RunsTable=" in capsys.readouterr().err
    assert not sam.was_called
    assert deploy.main(["--tables", "RunsTable=aichats-dev-RunsTable-restored"]) == 0
    assert [each["ResourceIdentifier"] for each in adopted[0][3]] == [{"TableName": "aichats-dev-RunsTable-restored"}]


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ("RunTable=restored", "deploy: template.yaml has no table 'RunTable'. Use one of: {tables}\n"),
        ("WhopSecret=restored", "deploy: template.yaml has no table 'WhopSecret'. Use one of: {tables}\n"),
        ("RunsTable=", "deploy: the name of the table is missing after RunsTable=\n"),
    ],
)
@pytest.mark.usefixtures("no_terminal")
def test_a_mistake_in_the_tables_is_reported_before_a_stack_with_an_empty_ledger_is_created(
    sam: Sam, tables: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main(["--tables", tables]) == 1
    assert capsys.readouterr().err == message.format(tables=", ".join(of_type("AWS::DynamoDB::Table")))
    assert not sam.was_called


def test_tables_for_a_stack_that_exists_are_rejected_because_it_would_keep_its_own(
    sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    create_stack()
    assert deploy.main(["--tables", "RunsTable=aichats-dev-RunsTable-restored"]) == 1
    assert "stack aichats-dev exists, and only a new stack can take over tables" in capsys.readouterr().err
    assert not sam.was_called


def test_sam_cli_reads_each_value_as_it_was_meant() -> None:
    values = {
        "Message": "What's new?",
        "ScheduleExpression": "cron(0 9 ? * MON *)",
        "CompanyId": "",
        "Origins": "a b=c",
    }
    script = (
        "import json, sys; from samcli.cli.types import CfnParameterOverridesType as Type;"
        " print(json.dumps(Type().convert(tuple(sys.argv[1:]), None, None)))"
    )
    overrides = [f"{name}={deploy.quoted(value)}" for name, value in values.items()]
    read = run_command(TOOLS / "sam" / "bin" / "python", "-c", script, *overrides, check=True)
    assert json.loads(read.stdout) == values


@pytest.mark.parametrize("name", ["default", "staging", "prod"])
def test_each_environment_is_tagged_and_an_empty_change_is_no_failure(name: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[name]["deploy"]["parameters"]
    stage = deploy.Environment.read(name).parameters["Stage"]
    assert deploy.pairs(config["tags"]) == {"application": "aichats", "stage": stage}
    assert config["fail_on_empty_changeset"] is False
