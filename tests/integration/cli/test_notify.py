"""`aichats notify` on a stack in memory."""

import json
from copy import replace
from io import StringIO
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from aichats.events.log import Entry
from aichats.subscriptions.model import Subscription
from aichats_cli.commands.notify.bus import pattern_of
from aichats_cli.main import main
from tests.support.cli import Cli, Terminal
from tests.support.delivery_bench import FakeReceivers, deliver_through, fail, run_event
from tests.support.fakes import Json

URL = "https://example.com/aichats"
SLACK = "https://hooks.slack.com/services/T0/B0/slack-secret"


@pytest.fixture
def receivers(cli: Cli) -> FakeReceivers:
    found = FakeReceivers()
    deliver_through(cli.stack.app, found)
    return found


def add(cli: Cli, name: str = "crm", *options: str) -> Any:
    return cli("notify", "add", "webhook", name, "--url", URL, *options)


def stored(cli: Cli, name: str = "crm") -> Json:
    """Return a subscription as the API shows it."""
    [found] = [each for each in cli("notify", "list", "-o", "json").json if each["name"] == name]
    return dict(found)


def is_signed(cli: Cli, receivers: FakeReceivers, secret: str) -> bool:
    """Return whether the only delivery, which was made now, has the signature of the reference library."""
    [got] = receivers.accepted
    expected = Webhook(secret).sign(got.event_id, cli.now(), got.body.decode())
    return expected in got.headers["webhook-signature"].split(" ")


def subscription_of(**fields: Any) -> Subscription:
    return Subscription.model_validate({"url": URL, "events": ["run.failed"], **fields})


# ---------------------------------------------------------------------------------------------- add


def test_one_command_lets_another_system_know_when_a_run_succeeded_or_failed(
    cli: Cli, receivers: FakeReceivers
) -> None:
    added = add(cli, "crm", "--types", "run.succeeded,run.failed", "-o", "json")
    publish(cli, "a")

    assert (added.code, added.json["events"]) == (0, ["run.succeeded", "run.failed"])
    assert is_signed(cli, receivers, added.json["secret"])


def publish(cli: Cli, *names: str) -> None:
    """Publish events of failed runs, and deliver them once."""
    app = cli.stack.app
    for name in names:
        cli.stack.clock.forward(seconds=1)
        event = run_event(name, cli.now())
        app.event_log.store([Entry.of(event)])
        app.outgoing.fan_out.send([event])
    deliver(cli)


def deliver(cli: Cli) -> None:
    """Perform the messages that are in the queues now."""
    messages = list(cli.stack.sqs.sent)
    cli.stack.sqs.sent.clear()
    records = [{"messageId": str(number), "body": sent.body} for number, sent in enumerate(messages)]
    assert cli.stack.app.outgoing.messages.handle(records) == {"batchItemFailures": []}


def test_the_secret_of_a_webhook_is_printed_once_in_each_format(cli: Cli) -> None:
    table = add(cli, "a")
    names = add(cli, "b", "-o", "name")

    [line] = [line for line in table.out.splitlines() if line.startswith("secret")]
    assert line.split()[1].startswith("whsec_")
    assert names.out == "b\n"
    assert "whsec_" in names.err
    assert add(cli, "c", "-o", "json").json["secret"].startswith("whsec_")
    assert "secret: whsec_" in add(cli, "d", "-o", "yaml").out
    assert "whsec_" not in cli("notify", "list", "-o", "json").out


def test_without_types_the_events_are_those_that_need_a_person(cli: Cli) -> None:
    add(cli)

    assert stored(cli)["events"] == ["run.failed", "run.unknown", "run.missed"]


def test_the_url_of_slack_is_read_from_standard_input_and_not_shown(cli: Cli) -> None:
    added = cli("notify", "add", "slack", "alerts", "--types", "run.*", stdin=f"{SLACK}\n")

    assert added.code == 0
    assert (stored(cli, "alerts")["url"], stored(cli, "alerts")["format"]) == (SLACK, "slack")
    assert "slack-secret" not in added.out + added.err + cli("notify", "list").out
    assert "whsec_" not in added.out


def test_on_a_terminal_the_url_of_slack_is_asked_without_an_echo(cli: Cli) -> None:
    asked: list[str] = []

    def hidden(prompt: str) -> str:
        asked.append(prompt)
        return SLACK

    machine = replace(cli.system(Terminal(), StringIO(), StringIO()), hidden=hidden)

    assert main(("notify", "add", "slack", "alerts"), machine) == 0
    assert asked == ["URL of the incoming webhook: "]


def test_a_secret_url_of_a_webhook_can_be_piped(cli: Cli) -> None:
    added = cli("notify", "add", "webhook", "crm", "--url", "-", stdin=f"{URL}?key=hidden\n")

    assert stored(cli)["url"] == f"{URL}?key=hidden"
    assert "hidden" not in added.out + added.err + cli("notify", "list").out


def test_adding_a_name_again_replaces_it_after_a_question_and_keeps_the_secret(cli: Cli) -> None:
    add(cli, "crm", "--filter", "data.automation == 'weekly'")
    cli("notify", "add", "slack", "team", stdin=SLACK)

    refused = cli("notify", "add", "webhook", "crm", "--url", URL, terminal=True, stdin="n\n")
    replaced = add(cli, "crm", "--types", "*", "--yes")
    now_webhook = add(cli, "team", "--yes")

    assert refused.code == 1
    assert "crm exists already, to https://example.com/aichats. Replace it? [y/N]" in refused.err
    assert (replaced.code, now_webhook.code) == (0, 0)
    assert (stored(cli)["events"], stored(cli)["filter"]) == (["*"], None)
    assert stored(cli, "team")["format"] == "standard"
    assert "whsec_" not in replaced.out + replaced.err


def test_replacing_keeps_what_the_command_has_no_option_for(cli: Cli) -> None:
    add(cli)
    etag = stored(cli)["etag"]
    body = subscription_of(include_reply=True, description="CRM")
    cli.stack.app.subscriptions.put("crm", body, etag)

    add(cli, "crm", "--types", "run.*", "--yes")

    assert (stored(cli)["include_reply"], stored(cli)["description"]) == (True, "CRM")


def test_a_receiver_that_another_client_has_changed_meanwhile_is_not_replaced(cli: Cli) -> None:
    add(cli)

    def change(request: httpx.Request) -> None:
        if request.method == "PUT":
            cli.stack.app.subscriptions.put("crm", subscription_of(events=["budget.*"]))

    cli.interfere = change
    changed = add(cli, "crm", "--yes")
    cli.interfere = lambda _: None

    assert changed.code == 1
    assert stored(cli)["events"] == ["budget.*"]


def test_a_secret_is_shown_even_if_the_answer_with_it_got_lost(cli: Cli, receivers: FakeReceivers) -> None:
    lost: list[str] = []

    def lose(request: httpx.Request) -> None:
        if request.method == "PUT" and not lost:
            lost.append("x")
            cli.interfere = lambda _: None
            cli.answer(request)
            raise httpx.ReadError("cut")

    cli.interfere = lose

    added = add(cli, "crm", "-o", "json")
    publish(cli, "a")

    assert (added.code, lost) == (0, ["x"])
    assert is_signed(cli, receivers, added.json["secret"])


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("webhook", "CRM", "--url", URL), 2, "no receiver can have the name 'CRM'"),
        (("webhook", "../x", "--url", URL), 2, "no receiver can have the name"),
        (("webhook", "crm", "--url", URL, "--types", "run.fialed"), 2, "did you mean run.failed?"),
        (("webhook", "crm", "--url", "http://example.com"), 1, "url"),
        (("webhook", "crm", "--url", URL, "--filter", "data.."), 1, "filter"),
        (("slack", "alerts"), 2, "nothing was typed"),
    ],
)
def test_wrong_input_is_explained_and_nothing_is_added(
    cli: Cli, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    added = cli("notify", "add", *arguments)

    assert added.code == code
    assert problem in added.err
    assert cli("notify", "list", "-o", "json").json == []


# ---------------------------------------------------------------------------------------------- bus


def test_a_rule_for_the_event_bus_is_printed_and_nothing_is_changed(cli: Cli) -> None:
    shown = cli("notify", "add", "bus", "--types", "run.*,budget.reached", "--stack", "aichats-prod")

    pattern = {"source": ["aichats"], "detail-type": [{"prefix": "aichats.run."}, "aichats.budget.reached"]}
    assert (shown.code, shown.json, cli.requests) == (0, pattern, [])
    assert f"--event-bus-name aichats-prod --name aichats-events --event-pattern '{json.dumps(pattern)}'" in shown.err
    assert cli("notify", "add", "bus", "--stack", "aichats-prod", "-o", "name").out == "aichats-prod\n"
    assert "detail-type:\n- aichats.run.failed\n" in cli("notify", "add", "bus", "-o", "yaml").out


def test_all_events_need_no_types_in_a_rule() -> None:
    assert pattern_of(["run.failed", "*"]) == {"source": ["aichats"]}


# ---------------------------------------------------------------------------------------------- list, test


def test_the_list_shows_who_works_and_how_many_events_wait(cli: Cli, receivers: FakeReceivers) -> None:
    assert cli("notify", "list").err == "no receivers. Add one: aichats notify add slack alerts\n"
    add(cli, "works")
    add(cli, "unused", "--types", "budget.reached")
    broken = "https://broken.example/"
    cli("notify", "add", "webhook", "broken", "--url", broken)
    cli.stack.app.subscriptions.put("off", subscription_of(enabled=False))
    receivers.answers[broken] = fail(500)
    publish(cli, "a", "b")

    rows = {row.split()[0]: row for row in cli("notify", "list").out.splitlines()}

    assert "receiver.example answered 500" in rows["broken"]
    assert " failing 2 " in " ".join(rows["broken"].split())
    assert " working " in rows["works"]
    assert " disabled" in rows["off"]
    assert " unused" in rows["unused"]


def test_a_test_shows_the_answer_and_fails_with_the_receiver(cli: Cli, receivers: FakeReceivers) -> None:
    add(cli)

    good = cli("notify", "test", "crm")
    receivers.answers[URL] = fail(500)
    bad = cli("notify", "test", "crm", "-o", "json")

    assert (good.code, good.out.splitlines()[0].split()) == (0, ["delivered", "yes"])
    assert (bad.code, bad.json["delivered"], bad.json["status"]) == (1, False, 500)
    assert "crm did not accept the event" in bad.err


@pytest.mark.parametrize(
    "command", [("test",), ("rotate",), ("deliveries",), ("redeliver", "--since", "2d"), ("remove",)]
)
def test_an_unknown_receiver_is_named(cli: Cli, command: tuple[str, ...]) -> None:
    shown = cli("notify", command[0], "nobody", *command[1:])

    assert (shown.code, shown.out) == (1, "")
    assert "subscription nobody doesn't exist" in shown.err


def test_a_removed_receiver_is_gone_after_a_question(cli: Cli) -> None:
    add(cli, "a")
    add(cli, "b")

    no = cli("notify", "remove", "a", terminal=True, stdin="\n")
    piped = cli("notify", "remove", "a")
    yes = cli("notify", "remove", "a", "b", "--yes", "-o", "name")

    assert (no.code, piped.code, yes.code) == (1, 2, 0)
    assert "Remove a? [y/N]" in no.err
    assert yes.out == "a\nb\n"
    assert "a  https://example.com/aichats  run.failed, run.unknown, run.missed" in yes.err
    assert cli("notify", "list", "-o", "json").json == []


def test_an_error_between_two_removals_hides_none_of_them(cli: Cli) -> None:
    add(cli, "a")
    add(cli, "b")
    cli.interfere = lambda request: (
        httpx.Response(403, json={"detail": "not allowed"})
        if (request.method, request.url.path) == ("DELETE", "/subscriptions/b")
        else None
    )

    removed = cli("notify", "remove", "a", "b", "--yes", "-o", "name")

    assert (removed.code, removed.out) == (1, "a\n")


def test_a_removal_whose_answer_got_lost_succeeds(cli: Cli) -> None:
    add(cli)
    tries: list[str] = []

    def lose(request: httpx.Request) -> None:
        if request.method == "DELETE" and not tries:
            tries.append("x")
            cli.answer(request)
            raise httpx.ReadError("cut")

    cli.interfere = lose

    assert cli("notify", "remove", "crm", "--yes").code == 0
    assert tries == ["x"]


def test_a_new_secret_is_printed_once_and_signs(cli: Cli, receivers: FakeReceivers) -> None:
    added = add(cli, "crm", "-o", "json").json["secret"]

    table = cli("notify", "rotate", "crm").out
    rotated = cli("notify", "rotate", "crm", "-o", "json").json
    publish(cli, "a")

    assert is_signed(cli, receivers, rotated["secret"])
    assert "whsec_" in table
    assert added not in table
    assert rotated["previous_secret_until"]


def test_a_rotation_whose_answer_got_lost_happens_once(cli: Cli) -> None:
    add(cli)
    tries: list[str] = []

    def lose(request: httpx.Request) -> None:
        if request.url.path.endswith("/rotate") and len(tries) < 2:
            tries.append(request.headers["idempotency-key"])
            if len(tries) == 1:
                cli.interfere = lambda _: None
                cli.answer(request)
                cli.interfere = lose
                raise httpx.ReadError("cut")

    cli.interfere = lose

    assert cli("notify", "rotate", "crm").code == 0
    assert len(tries) == 2
    assert len({*tries}) == 1
    row = cli.stack.app.subscriptions.get("crm")
    assert row is not None
    assert len(row.key_ids) == 2


# ---------------------------------------------------------------------------------------------- deliveries


def test_deliveries_show_what_was_sent_and_what_waits(cli: Cli, receivers: FakeReceivers) -> None:
    add(cli)
    assert "no event was sent to crm yet. Tests aren't listed" in cli("notify", "deliveries", "crm").err
    assert "no delivery has failed" in cli("notify", "deliveries", "crm", "--failed").err
    publish(cli, "a")
    receivers.answers[URL] = fail(500)
    publish(cli, "b")
    publish(cli, "c")

    rows = [" ".join(row.split()) for row in cli("notify", "deliveries", "crm").out.splitlines()]

    assert rows[0] == "TIME TYPE STATUS ATTEMPTS NEXT ANSWER RUN"
    assert rows[-1] == "Fri 20 Nov 13:00 run.failed delivered 1 200 a"
    assert any("waiting 1 Fri 20 Nov 13:00 receiver.example answered 500" in row for row in rows)
    assert any("waiting 0 when it works" in row for row in rows)
    assert len(cli("notify", "deliveries", "crm", "--limit", "2", "-o", "json").json) == 2
    assert cli("notify", "deliveries", "crm", "--failed", "-o", "json").json == []


def test_events_are_delivered_again(cli: Cli, receivers: FakeReceivers) -> None:
    add(cli)
    publish(cli, "a", "b")

    again = cli("notify", "redeliver", "crm", "--since", "2d", "--types", "run.*")
    for _ in range(3):
        deliver(cli)

    assert again.code == 0
    assert again.out.splitlines()[0].split() == ["from", "Wed", "18", "Nov", "13:00"]
    assert sorted(got.event["data"]["run_id"] for got in receivers.accepted) == ["a", "a", "b", "b"]


def test_only_failed_events_are_asked_for_again(cli: Cli) -> None:
    add(cli)

    cli("notify", "redeliver", "crm", "--since", "2d", "--until", "1h", "--failed", "--types", "run.failed")

    assert json.loads(cli.requests[-1].content) == {
        "since": "2026-11-18T13:00:00+01:00",
        "until": "2026-11-20T12:00:00+01:00",
        "failed_only": True,
        "events": ["run.failed"],
    }
