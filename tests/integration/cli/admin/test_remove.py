"""`aichats admin remove`: a stack on AWS as moto simulates it."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aichats_cli.admin import remove
from aichats_cli.main import main
from aichats_cli.system import System
from tests.support.cli import Result, Terminal
from tests.support.template import load_template

STACK = "aichats-dev"
TEMPLATE: dict[str, Any] = {
    "Parameters": {"WhopBaseUrl": {"Type": "String", "Default": "https://whop.example"}},
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "RunsTable": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "Properties": {
                "KeySchema": [{"AttributeName": "run_id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "run_id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
    },
}


class Account:
    """An AWS account, and the command."""

    def __init__(self) -> None:
        self.cloudformation = boto3.client("cloudformation")
        self.sleeps = 0

    def create(self, template: dict[str, Any]) -> None:
        self.cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))

    def remove(self, *options: str, typed: str | None = None) -> Result:
        """Run the command. ``typed`` is what a person types at a terminal."""
        out, err = io.StringIO(), io.StringIO()
        stdin = io.StringIO() if typed is None else Terminal(f"{typed}\n")
        system = System(stdin=stdin, stdout=out, stderr=err, sleep=self._sleep)
        return Result(main(["admin", "remove", STACK, *options], system), out.getvalue(), err.getvalue())

    @property
    def exists(self) -> bool:
        return any(each["StackName"] == STACK for each in self.cloudformation.describe_stacks()["Stacks"])

    def _sleep(self, _seconds: float) -> None:
        self.sleeps += 1
        assert self.sleeps < 10, "it waits for ever"


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        account = Account()
        account.create(TEMPLATE)
        yield account


def test_a_stack_is_deleted_after_its_name_was_typed_and_what_is_left_is_shown(account: Account) -> None:
    done = account.remove(typed=STACK)

    assert (done.code, account.exists) == (0, False)
    assert "This deletes aichats-dev in eu-west-1: its functions" in done.err
    assert f"aichats admin disconnect --stack {STACK}" in done.err
    assert "docs/how-to/remove-a-stack.md says how to delete them" in done.err
    [left] = done.out.splitlines()
    assert left.startswith("aichats-dev-RunsTable-")


@pytest.mark.parametrize("typed", ["", "y", "yes", "aichats-prod"])
def test_anything_else_deletes_nothing(account: Account, typed: str) -> None:
    done = account.remove(typed=typed)

    assert (done.code, account.exists) == (1, True)
    assert done.err.endswith("Error: stopped: nothing was deleted\n")


def test_without_a_terminal_it_needs_yes(account: Account) -> None:
    assert account.remove().code == 2
    assert account.exists

    done = account.remove("--yes", "-o", "json")

    assert (done.code, account.exists) == (0, False)
    assert done.json["stack"] == STACK
    assert len(done.json["kept"]) == 1


def test_a_stack_of_another_kind_is_left_alone(account: Account) -> None:
    account.cloudformation.delete_stack(StackName=STACK)
    account.create({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})

    done = account.remove("--yes")

    assert (done.code, account.exists) == (1, True)
    assert f"stack {STACK} has no parameter WhopBaseUrl" in done.err


def test_a_stack_that_does_not_exist_is_reported(account: Account) -> None:
    account.remove("--yes")
    assert account.remove("--yes").err == f"Error: stack {STACK} doesn't exist in eu-west-1\n"


def test_it_waits_until_the_stack_is_deleted(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = iter(["DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"])
    monkeypatch.setattr(remove, "status_of", lambda *_: next(statuses))

    assert account.remove("--yes").code == 0
    assert account.sleeps == 2


def test_a_deletion_that_fails_is_reported_with_the_reasons(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = remove.Resource("AWS::Events::EventBus", "aichats-dev", "EventBus can't be deleted since it has rules.")
    monkeypatch.setattr(remove, "status_of", lambda *_: "DELETE_FAILED")
    monkeypatch.setattr(remove, "resources", lambda *_: [bus])

    done = account.remove("--yes")

    assert done.code == 1
    assert "  aichats-dev: EventBus can't be deleted since it has rules.\n  → remove the reason" in done.err


def test_the_resources_that_are_shown_as_kept_are_those_that_the_template_retains() -> None:
    resources = load_template()["Resources"].values()
    retained = {each["Type"] for each in resources if str(each.get("DeletionPolicy")).startswith("Retain")}
    assert retained == set(remove.KEPT)
    assert all(
        str(each.get("DeletionPolicy")).startswith("Retain") for each in resources if each["Type"] in remove.KEPT
    )
