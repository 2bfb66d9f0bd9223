"""`aichats admin callers` on a stack in memory: what it stores is what the API accepts."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aichats.api.callers import Caller, find_caller
from aichats.api.last_use import last_use_key
from aichats.aws.secrets import SecretStore
from aichats_cli.admin.deployed import StackSecret
from aichats_cli.admin.token_times import time_text
from tests.support.admin import admin
from tests.support.fakes import FakeSecretsManager, Json
from tests.support.ledgers import Clock

NAME, STACK = "aichats/dev/callers", "aichats-dev"
KEY = [{"AttributeName": "run_id", "KeyType": "HASH"}]
TEMPLATE: Json = {
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": KEY,
                "AttributeDefinitions": [{"AttributeName": "run_id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
    },
    "Outputs": {"CallersSecret": {"Value": NAME}, "RunsTable": {"Value": {"Ref": "Table"}}},
}
NEW = ("add", "crm", "--scopes", "chats:write")


class Stack:
    """A stack, with the command `aichats admin callers`."""

    def __init__(self, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
        self.clock, self._capsys = clock, capsys
        boto3.client("secretsmanager").create_secret(Name=NAME, SecretString="{}")
        boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Run the command. Return what it prints to standard output and to standard error."""
        assert admin("callers", *arguments, "--stack", STACK, now=self.clock) == code
        printed = self._capsys.readouterr()
        return printed.out, printed.err

    def token(self, *arguments: str) -> str:
        """Run the command and return the token that it shows."""
        return self.run(*arguments)[0].strip()

    @property
    def stored(self) -> Json:
        """The callers in the secret."""
        return StackSecret(NAME).read()

    @stored.setter
    def stored(self, value: Json) -> None:
        StackSecret(NAME).change(lambda _: value)

    def caller_of(self, token: str) -> Caller | None:
        """Return the caller that the API finds for a token; ``None`` if the token is unknown or has expired."""
        found = find_caller(SecretStore(FakeSecretsManager({NAME: self.stored})), NAME, token)
        is_valid = found and (found.expires_at is None or found.expires_at > self.clock())
        return found if is_valid else None

    def use(self, identity: str, time: str) -> None:
        """Store the last use of a caller."""
        [table] = boto3.client("dynamodb").list_tables()["TableNames"]
        item: Any = {"run_id": {"S": last_use_key(identity)}, "used_at": {"S": time}}
        boto3.client("dynamodb").put_item(TableName=table, Item=item)


@pytest.fixture
def stack(clock: Clock, capsys: pytest.CaptureFixture[str]) -> Iterator[Stack]:
    with mock_aws():
        yield Stack(clock, capsys)


def test_a_new_caller_has_what_was_typed(stack: Stack) -> None:
    token, told = stack.run(*NEW, "--companies", "biz_B,biz_A, biz_B", "--expires", "90d")

    found = stack.caller_of(token.strip())
    expires_at = stack.clock() + timedelta(days=90)
    assert found is not None
    assert (found.name, found.scopes, found.companies) == (
        "crm",
        frozenset({"chats:write"}),
        frozenset({"biz_A", "biz_B"}),
    )
    assert found.expires_at == expires_at
    assert "it is limited to the companies: biz_A biz_B\n" in told
    assert f"its token expires at {time_text(expires_at)}\n" in told
    stack.clock.forward(days=90)
    assert stack.caller_of(token.strip()) is None


def test_a_plain_caller_is_stored_as_before(stack: Stack) -> None:
    stack.run(*NEW)
    assert stack.stored["crm"].keys() == {"sha256", "scopes", "lineage"}


def test_a_new_caller_under_a_revoked_name_gets_another_lineage(stack: Stack) -> None:
    stack.run(*NEW)
    first = stack.stored["crm"]["lineage"]
    _, told = stack.run("revoke", "crm", "--yes")
    assert (stack.stored, told) == ({}, "caller crm is revoked; its token stays valid for up to 5 minutes\n")
    stack.run(*NEW)
    assert stack.stored["crm"]["lineage"] != first


def test_after_a_rotation_both_tokens_are_the_same_caller_until_the_grace_ends(stack: Stack) -> None:
    old = stack.token(*NEW, "--companies", "biz_A")
    new, told = stack.run("rotate", "crm", "--grace", "2h")
    before, after = stack.caller_of(old), stack.caller_of(new.strip())

    assert before is not None
    assert after is not None
    assert before.identity == after.identity
    assert (
        (before.scopes, before.companies)
        == (after.scopes, after.companies)
        == (frozenset(NEW[-1:]), frozenset({"biz_A"}))
    )
    ends = time_text(stack.clock() + timedelta(hours=2))
    finish = "aichats admin callers finish crm --stack aichats-dev"
    assert f"the old token stays valid until {ends}. To end it earlier, type: {finish}\n" in told
    stack.clock.forward(hours=2)
    assert (stack.caller_of(old), stack.caller_of(new.strip()) is None) == (None, False)


def test_a_grace_is_24_hours_unless_you_choose_another(stack: Stack) -> None:
    old = stack.token(*NEW)
    stack.run("rotate", "crm")
    stack.clock.forward(hours=23, minutes=59)
    assert stack.caller_of(old) is not None
    stack.clock.forward(minutes=1)
    assert stack.caller_of(old) is None


@pytest.mark.parametrize("command", [("add", "erp", "--scopes", "chats:write"), ("rotate", "crm")])
def test_ctrl_c_while_a_token_is_stored_comes_too_late_so_that_it_is_shown(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    stack.run(*NEW)
    change = StackSecret.change

    def interrupt(secret: StackSecret, make: Callable[[Json], Json]) -> Json:
        changed = change(secret, make)
        os.kill(os.getpid(), signal.SIGINT)
        return changed

    monkeypatch.setattr(StackSecret, "change", interrupt)
    token = stack.token(*command)
    assert stack.caller_of(token) is not None


def test_a_second_rotation_ends_the_token_before_the_old_one(stack: Stack) -> None:
    first = stack.token(*NEW)
    second = stack.token("rotate", "crm")
    third, told = stack.run("rotate", "crm")

    assert [stack.caller_of(token) is not None for token in (first, second, third.strip())] == [False, True, True]
    assert "the token before it stays valid for up to 5 minutes, because a caller has at most two tokens\n" in told


@pytest.mark.parametrize("grace", ["1m", "5m"])
def test_a_grace_that_the_api_may_not_know_in_time_is_not_promised(stack: Stack, grace: str) -> None:
    stack.run(*NEW)
    _, told = stack.run("rotate", "crm", "--grace", grace)
    assert "the old token stays valid for up to 5 minutes\n" in told


def test_without_a_grace_the_old_token_ends_at_once(stack: Stack) -> None:
    old = stack.token(*NEW)
    new, told = stack.run("rotate", "crm", "--grace", "0")

    assert (stack.caller_of(old), stack.caller_of(new.strip()) is None) == (None, False)
    assert "the old token stays valid for up to 5 minutes\n" in told
    assert "previous" not in stack.stored["crm"]


def test_finish_ends_the_old_token_and_keeps_the_new_one(stack: Stack) -> None:
    old = stack.token(*NEW)
    new = stack.token("rotate", "crm")
    assert "the old token of caller crm stays valid for up to 5 minutes" in stack.run("finish", "crm")[1]
    assert (stack.caller_of(old), stack.caller_of(new) is None) == (None, False)
    assert "caller crm has no old token" in stack.run("finish", "crm", code=1)[1]


def test_a_rotation_lengthens_no_token(stack: Stack) -> None:
    old = stack.token(*NEW, "--expires", "1h")
    new = stack.token("rotate", "crm", "--expires", "90d", "--grace", "7d")
    stack.clock.forward(hours=1)
    assert (stack.caller_of(old), stack.caller_of(new) is None) == (None, False)


def test_a_rotation_of_an_expired_token_says_so(stack: Stack) -> None:
    stack.run(*NEW, "--expires", "1h")
    stack.clock.forward(hours=2)
    token, told = stack.run("rotate", "crm", "--expires", "never")
    assert "the old token expired at 2026-11-20T13:00:00Z\n" in told
    found = stack.caller_of(token.strip())
    assert found is not None
    assert found.expires_at is None


def test_a_rotation_of_a_token_with_an_end_asks_for_the_next_end(stack: Stack) -> None:
    stack.run(*NEW, "--expires", "2027-01-31")
    before = stack.stored
    _, told = stack.run("rotate", "crm", code=2)
    assert "the token of caller crm expires at 2027-01-31T00:00:00Z\n  → say when the new one expires" in told
    assert stack.stored == before


def test_a_rotation_keeps_fields_of_later_versions(stack: Stack) -> None:
    stack.run(*NEW)
    stack.stored = {"crm": stack.stored["crm"] | {"later": 1}}
    stack.run("rotate", "crm")
    assert stack.stored["crm"]["later"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "", "--scopes", "runs:read"), "the name must be 1 to 64 characters from a-z, 0-9 and -"),
        (("add", "ops", "--scopes", ""), "--scopes must be one or more of"),
        (("add", "ops", "--scopes", "chats:all"), "--scopes must be one or more of"),
        (("add", "ops", *NEW[2:], "--companies", ""), "--companies must be one or more company IDs"),
        (("add", "ops", *NEW[2:], "--companies", "biz_A,acme"), "--companies must be one or more company IDs"),
        (("add", "ops", *NEW[2:], "--expires", ""), "--expires must be a time to live such as 90d"),
        (("add", "ops", *NEW[2:], "--expires", "0d"), "--expires 0d is in the past"),
        (NEW, "caller crm already exists"),
        (("rotate", "ops"), "caller 'ops' doesn't exist"),
        (("finish", "ops"), "caller 'ops' doesn't exist"),
        (("revoke", "ops", "--yes"), "caller 'ops' doesn't exist"),
        (("rotate", "crm", "--grace", "31d"), "--grace must be 0 or a duration such as 30m, 2h or 7d"),
        (("rotate", "crm", "--grace", ""), "--grace must be 0 or a duration such as 30m, 2h or 7d"),
        (("rotate", "bad"), "caller bad is malformed in the secret"),
    ],
)
def test_a_wrong_command_says_what_to_type_and_changes_nothing(
    stack: Stack, arguments: tuple[str, ...], message: str
) -> None:
    stack.run(*NEW)
    stack.stored = before = stack.stored | {"bad": {"sha256": "x"}}

    out, told = stack.run(*arguments, code=2 if message.startswith(("--", "the name")) else 1)

    assert told.startswith(f"Error: {message}")
    assert (out, stack.stored) == ("", before)


# ------------------------------------------------------------------ the list


def test_the_list_shows_each_caller_with_its_last_use(stack: Stack) -> None:
    stack.run(*NEW)
    stack.run("add", "agency", "--scopes", "runs:read,chats:write", "--companies", "biz_B,biz_A")
    stack.run("add", "report", "--scopes", "runs:read", "--expires", "2027-01-31")
    stack.run("add", "old", "--scopes", "runs:read", "--expires", "30m")
    stack.run("rotate", "crm", "--grace", "2h")
    stack.stored = stack.stored | {"bad": None}
    stack.use(f"crm#{stack.stored['crm']['lineage']}", "2026-11-20T08:15:30.123Z")
    stack.use("agency#of-a-revoked-one", "2026-11-20T08:15:30.123Z")
    stack.clock.forward(hours=1)

    out, told = stack.run("list")

    assert [re.split(r"  +", line) for line in out.splitlines()] == [
        ["NAME", "SCOPES", "COMPANIES", "EXPIRES", "LAST USED"],
        ["agency", "chats:write runs:read", "biz_A biz_B", "never", "never"],
        ["bad", "(malformed; revoke it and create it again)"],
        ["crm", "chats:write", "all", "never (old token: 2026-11-20T14:00:00Z)", "2026-11-20T08:15:30Z"],
        ["old", "runs:read", "all", "2026-11-20T12:30:00Z (expired)", "never"],
        ["report", "runs:read", "all", "2027-01-31T00:00:00Z", "never"],
    ]
    assert told == ""
    columns = {line.index(word) for line in out.splitlines() for word in ("COMPANIES", "all", "biz_A") if word in line}
    assert len(columns) == 1


def test_the_list_shows_the_callers_even_if_the_last_uses_cannot_be_read(stack: Stack) -> None:
    stack.run(*NEW)
    [table] = boto3.client("dynamodb").list_tables()["TableNames"]
    boto3.client("dynamodb").delete_table(TableName=table)

    out, told = stack.run("list")

    assert out.splitlines()[1].split() == ["crm", "chats:write", "all", "never", "unknown"]
    assert "the last uses can't be read: " in told


def test_the_list_of_a_stack_without_the_table_shows_the_callers(stack: Stack) -> None:
    stack.run(*NEW)
    template = TEMPLATE | {"Outputs": {"CallersSecret": {"Value": NAME}}}
    boto3.client("cloudformation").update_stack(StackName=STACK, TemplateBody=json.dumps(template))

    out, told = stack.run("list")

    assert out.splitlines()[1].split()[-1] == "unknown"
    assert "stack aichats-dev has no output RunsTable" in told


def test_the_list_of_many_callers_shows_all_last_uses(stack: Stack) -> None:
    plain = {"sha256": "0" * 64, "scopes": []}
    stack.stored = {f"caller-{number:03}": plain for number in range(130)}
    for number in (0, 129):
        stack.use(f"caller-{number:03}", "2026-11-20T08:00:00.000Z")

    lines = stack.run("list")[0].splitlines()[1:]

    assert [line.split()[-1] for line in lines] == ["2026-11-20T08:00:00Z", *["never"] * 128, "2026-11-20T08:00:00Z"]


def test_without_callers_the_list_says_so(stack: Stack) -> None:
    out, told = stack.run("list", "-o", "name")
    assert (out, told.splitlines()[0][:14]) == ("", "no callers yet")
