"""`make env-vars` on the local AWS: what `sam local` gives to the functions is what they are deployed with."""

import json
from pathlib import Path

import pytest

from local.env_vars import main
from local.system import KODEY, WEBHOOK_SECRET, WHOP, System


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_function_gets_the_variables_that_it_is_deployed_with(
    account: System, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stack", account.stack.name]) == 0

    written = json.loads((folder / "env.json").read_text())
    resources, aws = account.stack.template["Resources"], account.emulator.clients.functions
    functions = {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Function"}
    assert set(written) == functions
    for name in functions:
        deployed = aws.get_function_configuration(FunctionName=account.stack.resources[name])
        assert written[name] == deployed["Environment"]["Variables"]
        assert written[name]["RUNS_TABLE"] == account.stack.outputs["RunsTable"]
        assert written[name]["RUN_QUEUE_URL"] == account.stack.outputs["RunQueue"]
    said = " ".join(capsys.readouterr().out.split())
    assert f"use your AWS credentials, write to the tables and queues of {account.stack.name}" in said
    assert f"call {account.whop_url}/api/v1" in said


def test_no_secret_is_written(account: System, folder: Path) -> None:
    assert main(["--stack", account.stack.name]) == 0

    text = (folder / "env.json").read_text()
    assert [secret for secret in (WHOP.api_key, KODEY.api_key, WEBHOOK_SECRET) if secret in text] == []
    assert json.loads(text)["RunScheduleFunction"]["WHOP_SECRET"] == account.stack.outputs["WhopSecret"]


def test_a_stack_of_another_kind_is_reported_and_nothing_is_written(
    account: System, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    account.emulator.clients.cloudformation.create_stack(StackName="queue-alone", TemplateBody=template)

    assert main(["--stack", "queue-alone"]) == 1

    printed = "env-vars: stack queue-alone has no output RunScheduleFunction\n  → use the name of a stack of aichats\n"
    assert capsys.readouterr().err == printed
    assert not (folder / "env.json").exists()
