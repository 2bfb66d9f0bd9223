"""`aichats admin webhook`: a stack on AWS as moto simulates it, and the mock of Whop."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aichats.automations.table import AutomationTable
from aichats.automations.webhook_check import CHECK_KEY
from aichats.aws.table import Table
from aichats_cli.admin import webhook
from aichats_cli.admin.deployed import DeployedError, StackSecret
from local.plain_http import plain_client
from tests.support.admin import admin
from tests.support.automations import automation, listening
from tests.support.fakes import Json
from tests.support.mock_servers import MockServer, running_whop

STACK = "aichats-dev"
URL = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/webhooks/whop"
WEBHOOKS = "/api/v1/webhooks"
MAIN, SIGNING = "aichats/dev/whop", "aichats/dev/webhook"
KEY = "key-of-all"


TEMPLATE = {
    "Parameters": {"WhopBaseUrl": {"Type": "String"}},
    "Resources": {"AlarmTopic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {
        "WebhookUrl": {"Value": URL},
        "WhopSecret": {"Value": MAIN},
        "WebhookSecret": {"Value": SIGNING},
        "AutomationsTable": {"Value": "automations"},
        "RunsTable": {"Value": "runs"},
    },
}


class Deployed:
    """A deployed stack with an API key, and Whop."""

    def __init__(self, whop: MockServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.whop = whop
        self._capsys = capsys
        self.automations = AutomationTable(boto3.client("dynamodb"), "automations")
        self.runs = Table(boto3.client("dynamodb"), "runs")
        for row in self.automations.list():
            self.automations.end_delete(row)
        self.store(MAIN, {"api_key": KEY})
        self.store(SIGNING, {})

    def listen(self, *events: str, name: str = "payments", **trigger: Any) -> None:
        self.automations.put(name, automation(listening(*events, **trigger)))

    def store(self, name: str, value: Json) -> None:
        StackSecret(name).change(lambda _: value)

    @property
    def signing(self) -> Json:
        """The content of the secret with which the stack checks signatures."""
        return StackSecret(SIGNING).read()

    @property
    def webhooks(self) -> list[Json]:
        """The webhooks at Whop, with their secrets and deliveries."""
        found: list[Json] = self.whop.state()["webhooks"]
        return found

    @property
    def calls(self) -> list[str]:
        """The calls that Whop got."""
        return [f"{request['method']} {request['path']}" for request in self.whop.state()["requests"]]

    def errors(self) -> str:
        """Return what the command printed about errors."""
        return self._capsys.readouterr().err

    def run(self, *options: str, fails: bool = False) -> str:
        """Run the command. Return its output; of errors, if it must fail."""
        assert admin("webhook", "--stack", STACK, *options) == int(fails)
        printed = self._capsys.readouterr()
        assert not any(hook["webhook_secret"] in printed.out + printed.err for hook in self.webhooks)
        return printed.err if fails else printed.out + printed.err


@pytest.fixture(scope="module")
def account() -> Iterator[MockServer]:
    """An account with the stack, which calls the mock of Whop. To create it takes a second."""
    with running_whop() as whop, mock_aws():
        boto3.client("cloudformation").create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[{"ParameterKey": "WhopBaseUrl", "ParameterValue": whop.base_url}],
        )
        for name, key in {"automations": "name", "runs": "run_id"}.items():
            boto3.client("dynamodb").create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            )
        for name in (MAIN, SIGNING):
            boto3.client("secretsmanager").create_secret(Name=name, SecretString="{}")
        yield whop


@pytest.fixture
def stack(account: MockServer, capsys: pytest.CaptureFixture[str]) -> Deployed:
    account.reset()
    return Deployed(account, capsys)


def test_a_webhook_is_registered_with_the_events_that_automations_listen_for_and_its_secret_is_stored(
    stack: Deployed,
) -> None:
    stack.listen("payment.succeeded", "payment.failed")
    stack.listen("refund.created", name="disabled", enabled=False)

    printed = stack.run()

    [hook] = stack.webhooks
    assert (hook["url"], hook["enabled"]) == (URL, True)
    assert hook["events"] == ["payment.failed", "payment.succeeded"]
    assert hook["api_version_date"] == "2026-10-15-1"
    assert stack.signing == {"secrets": [hook["webhook_secret"]]}
    assert printed.splitlines() == [
        f"Webhook {hook['id']} for {URL}",
        "                     before  now",
        "  enabled            no      yes",
        "  payment.failed     no      yes",
        "  payment.succeeded  no      yes",
        f"Stored its secret in {SIGNING}. The stack uses it at once.",
    ]


def test_no_delivery_is_signed_with_a_secret_that_the_stack_does_not_have(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.run()
    created, enabled = [json.loads(call["body"]) for call in stack.whop.state()["requests"] if call["body"]]
    assert (created["enabled"], enabled["enabled"]) == (False, True)


def test_the_second_time_nothing_changes(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.run()
    before = stack.webhooks, stack.signing

    assert stack.run().endswith("Nothing to change.\n")

    assert (stack.webhooks, stack.signing) == before
    assert stack.calls[-1] == f"GET {WEBHOOKS}"


def test_new_events_are_added_and_other_events_of_the_webhook_stay_unless_they_are_pruned(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.run()
    stack.listen("payment.succeeded")

    printed = stack.run()

    assert stack.webhooks[0]["events"] == ["payment.failed", "payment.succeeded"]
    assert "  no automation listens for 1 other event type (--prune removes it): payment.failed\n" in printed
    assert "  payment.succeeded  no      yes\n" in printed
    assert stack.run().endswith("Nothing to change.\n")
    assert "  payment.failed     yes     no\n" in stack.run("--prune")
    assert stack.webhooks[0]["events"] == ["payment.succeeded"]


def test_without_an_automation_that_listens_nothing_is_registered(stack: Deployed) -> None:
    stack.listen("payment.failed", enabled=False)
    assert "No enabled automation listens for webhooks" in stack.run()
    assert stack.calls == []


def test_a_disabled_webhook_is_enabled(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.run()
    change(stack, enabled=False)

    printed = stack.run()

    assert "  enabled         no      yes" in printed
    assert "Whop does not send the events of the time in which the webhook was disabled." in printed
    assert stack.webhooks[0]["enabled"]


def test_if_the_stack_does_not_have_the_secret_the_error_says_how_to_register_again(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.run()
    stack.store(SIGNING, {})
    old = stack.webhooks[0]["id"]

    error = stack.run(fails=True)
    stack.run("--replace")

    assert f"{SIGNING} is empty" in error
    assert f"aichats admin webhook --replace --stack {STACK}" in error
    [hook] = stack.webhooks
    assert (hook["id"] != old, hook["enabled"]) == (True, True)
    assert stack.signing == {"secrets": [hook["webhook_secret"]]}


def test_if_all_deliveries_fail_the_output_says_what_repairs_a_secret_that_was_never_stored(
    stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.listen("payment.failed")
    assert "--replace" not in stack.run()
    find, since = webhook.StackWebhook.find, datetime(2026, 11, 20, 8, tzinfo=UTC)
    monkeypatch.setattr(
        webhook.StackWebhook,
        "find",
        lambda self: [hook.model_copy(update={"failing_since": since}) for hook in find(self)],
    )

    printed = stack.run()

    assert "Nothing to change.\nAll deliveries since 2026-11-20 08:00 UTC failed.\n" in printed
    assert "If the stack rejects them with 401, register the webhook again with --replace." in printed


def test_a_webhook_that_is_replaced_keeps_the_old_secret_valid(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.run()
    old = stack.webhooks[0]["webhook_secret"]
    stack.run("--replace")
    assert stack.signing == {"secrets": [stack.webhooks[0]["webhook_secret"], old]}


@pytest.mark.parametrize("options", [[], ["--replace"]])
def test_if_the_secret_cannot_be_stored_nothing_is_left_half_done(
    stack: Deployed, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    stack.listen("payment.failed")
    if options:
        stack.run()
    before = stack.webhooks

    def fail(*_: object) -> None:
        raise DeployedError(f"can't write {SIGNING}: no permission")

    monkeypatch.setattr(StackSecret, "change", fail)
    error = stack.run(*options, fails=True)

    assert "the webhook is deleted again" in error
    assert "fix the cause, then repeat the command" in error
    assert stack.webhooks == before


def test_a_webhook_that_cannot_be_deleted_again_is_named_and_sends_nothing(
    stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.listen("payment.failed")

    def fail(*_: object) -> None:
        stack.whop.faults({"method": "DELETE", "path": f"{WEBHOOKS}/*", "fault": "status:403"})
        raise KeyboardInterrupt

    monkeypatch.setattr(StackSecret, "change", fail)
    assert admin("webhook", "--stack", STACK) == 130

    [hook] = stack.webhooks
    assert not hook["enabled"]
    assert f"{hook['id']} is disabled and can't be deleted" in stack.errors()


def test_after_a_lost_answer_the_error_says_how_to_register_again(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.whop.faults({"method": "POST", "path": WEBHOOKS, "fault": "drop_after"})

    error = stack.run(fails=True)

    assert (
        f"its secret is lost\n  → to register it again, type: aichats admin webhook --replace --stack {STACK}" in error
    )
    assert len(stack.webhooks) == 1
    assert "is empty" in stack.run(fails=True)
    stack.run("--replace")
    assert [hook["enabled"] for hook in stack.webhooks] == [True]


def test_several_enabled_webhooks_are_an_error_because_each_event_comes_several_times(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.run()
    call(stack, "POST", "", {"url": URL, "events": ["payment.failed"]})

    assert "Whop has 2 enabled webhooks" in stack.run(fails=True)
    stack.run("--replace")
    assert len(stack.webhooks) == 1


def test_a_replay_asks_for_the_deliveries_of_that_time_with_their_ids(stack: Deployed) -> None:
    stack.listen("payment.failed")
    assert "no deliveries that could be replayed" in stack.run("--replay", "2h")

    printed = stack.run("--replay", "2h")

    [replay] = [call for call in stack.whop.state()["requests"] if call["operation"] == "replay_webhook"]
    assert (replay["status"], json.loads(replay["body"])["regenerate_ids"]) == (200, False)
    assert "again, those that succeeded too." in printed
    assert "runs of events that were handled already do nothing" in printed


@pytest.mark.parametrize("age", ["2", "0h", "31d", "2w", "-1h", "h", "99999d"])
@pytest.mark.usefixtures("stack")
def test_a_wrong_age_is_rejected(capsys: pytest.CaptureFixture[str], age: str) -> None:
    assert admin("webhook", "--stack", STACK, f"--replay={age}") == 2
    assert "--replay must be a duration of at most 30 days, such as 2h" in capsys.readouterr().err


def test_a_company_s_webhook_is_managed_with_its_own_key_if_it_has_one(stack: Deployed) -> None:
    stack.store(MAIN, {"api_key": KEY, "companies": {"biz_A": "key-of-a", "biz_B": {"connection": "default"}}})
    stack.listen("payment.failed")

    for company in ("biz_A", "biz_B"):
        stack.run("--company", company)
        assert stack.run("--company", company).endswith("Nothing to change.\n")
    with_key_of_all = len(stack.calls)
    stack.run()

    assert [hook["resource_id"] for hook in stack.webhooks[:2]] == ["biz_A", "biz_B"]
    credentials = [request["credential"] for request in stack.whop.state()["requests"]]
    of_a, of_b, of_all = credentials[0], credentials[with_key_of_all - 1], credentials[-1]
    assert of_a != of_b == of_all


@pytest.mark.usefixtures("stack")
def test_a_company_that_is_none_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert admin("webhook", "--stack", STACK, "--company", "acme") == 2
    assert "--company must be a company ID" in capsys.readouterr().err


@pytest.mark.parametrize("value", [{}, {"companies": {"biz_A": {"connection": "default"}}}])
def test_without_an_api_key_the_error_says_what_to_store(stack: Deployed, value: Json) -> None:
    stack.store(MAIN, value)
    assert f"aichats admin secret set whop --stack {STACK}" in stack.run("--company", "biz_A", fails=True)


def test_a_key_without_the_permission_is_an_error_that_names_it(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.whop.faults({"method": "GET", "path": WEBHOOKS, "fault": "status:403"})
    assert "developer:manage_webhook" in stack.run(fails=True)


def test_the_next_sweep_checks_again(stack: Deployed) -> None:
    stack.listen("payment.failed")
    stack.runs.overwrite([{"run_id": CHECK_KEY, "next_check_at": "2100-01-01T00:00:00.000Z"}])
    stack.run()
    assert stack.runs.get(CHECK_KEY) is None


def test_a_stack_that_does_not_exist_is_an_error(stack: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert admin("webhook", "--stack", "nope") == 1
    assert "stack nope doesn't exist" in capsys.readouterr().err
    assert stack.calls == []


def call(stack: Deployed, method: str, path: str, body: Json) -> None:
    """Make a call of Whop's API as a person does in Whop's dashboard."""
    headers = {"Authorization": f"Bearer {KEY}", "Api-Version-Date": "2026-10-15-1"}
    with plain_client() as http:
        reply = http.request(method, f"{stack.whop.base_url}/webhooks{path}", json=body, headers=headers)
    assert reply.status_code == 200, reply.text


def change(stack: Deployed, **fields: object) -> None:
    call(stack, "PATCH", f"/{stack.webhooks[0]['id']}", fields)
