"""Whop's webhooks on the whole system: only signed events are accepted, and each is performed once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from aichats.runs.model import run_id
from local.plain_http import plain_client
from local.standins.whop.deliveries import PATH, Delivery, event, signed
from local.system import WEBHOOK_SECRET, System
from tests.support.connections import WITH_EACH_CREDENTIAL
from tests.support.mock_servers import Json, MockServer
from tests.support.running_automations import Automations, company
from tests.support.waiting import until

EVENTS, REPEATS = 140, 60
AT_ONCE = 6
NO_LIMIT = 1_000_000
ACTION = {
    "type": "whop.create_chat",
    "title": "{{ event.data.id }} failed",
    "message_text": "Why did it fail?",
    "notification_preference": "none",
}


@pytest.fixture
def caller(system: System) -> Iterator[httpx.Client]:
    """A client that calls as Whop does: without a token."""
    with plain_client(base_url=system.api_url) as http:
        yield http


def deliver(caller: httpx.Client, delivery: Delivery) -> httpx.Response:
    return caller.post(PATH, content=delivery.body, headers=delivery.headers)


def payment_failed(account: str, **fields: Any) -> bytes:
    return event("payment.failed", **({"account_id": account, "data": {"id": "pay_1"}} | fields))


def listen(automations: Automations, *targets: str, title: str = ACTION["title"], **trigger: object) -> None:
    """Open a chat whenever a payment fails, where nothing else is said."""
    listener = {"type": "webhook", "events": ["payment.failed"], **trigger}
    automations.put("on-failure", listener, *(targets or ("{{ event.account_id }}",)), action=ACTION | {"title": title})


def ended(automations: Automations, runs: set[str]) -> list[Json]:
    """Return the runs when all of them have ended."""

    def those() -> list[Json]:
        # One that is rendered from the queue may not be there yet.
        found = [run for run in automations.runs("on-failure") if run["run_id"] in runs]
        open_ones = [run for run in found if run["status"] in {"pending", "performing"}]
        return [] if open_ones or len(found) < len(runs) else found

    return until(those)


def runs_of(delivery: Delivery, *targets: str) -> set[str]:
    """Return the ids of the runs that a delivery sets off; its answer names those that were written by then."""
    return {run_id("webhook", delivery.headers["webhook-id"], "on-failure", target) for target in targets}


def test_a_test_event_opens_one_chat_for_each_key_and_its_run_has_its_id_as_label(
    automations: Automations, whop: MockServer
) -> None:
    account = company()
    listen(automations, account, title="{{ event.data.note }}")

    def send(key: str) -> Json:
        def answered() -> Json:
            # A cold start on a busy machine takes longer than the call waits. The same key makes a retry safe.
            body = {"type": "payment.failed", "data": {"note": "Only a test"}}
            answer = automations.api.post("/events/test", json=body, headers={"Idempotency-Key": key})
            assert answer.status_code in {200, 502}, answer.text
            found: Json = answer.json()
            return found if answer.status_code == 200 else {}

        return until(answered)

    first, again, other = send("a"), send("a"), send("b")
    assert again == first
    assert (first["status"], first["webhook_id"][:9]) == (202, "msg_test_")
    runs = ended(automations, {*first["run_ids"], *other["run_ids"]})
    assert {run["status"] for run in runs} == {"succeeded"}
    assert [automations.labels_of(run_id) for run_id in first["run_ids"]] == [{"test": first["webhook_id"]}]
    chats = [chat for chat in whop.state()["chats"] if chat["company_id"] == account]
    assert [chat["title"] for chat in chats] == ["Only a test"] * 2


def test_each_event_opens_one_chat_however_often_and_at_once_it_is_delivered(
    automations: Automations, caller: httpx.Client, whop: MockServer
) -> None:
    whop.mode(rate_limit=NO_LIMIT)
    listen(automations)
    companies = [company() for _ in range(EVENTS)]
    first = [signed(payment_failed(each), WEBHOOK_SECRET) for each in companies]
    # A repeat comes at the same time as the first delivery, or when all is over.
    at_the_same_time = [each for delivery in first[: REPEATS // 2] for each in (delivery, delivery)]
    deliveries = [*at_the_same_time, *first[REPEATS // 2 :], *first[-REPEATS // 2 :]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda each: deliver(caller, each), deliveries))
    assert [answer.status_code for answer in answers] == [202] * (EVENTS + REPEATS)
    runs = set[str]().union(*(runs_of(delivery, each) for delivery, each in zip(first, companies, strict=True)))
    assert {run for answer in answers for run in answer.json()["run_ids"]} <= runs
    assert {run["status"] for run in ended(automations, runs)} == {"succeeded"}
    late = deliver(caller, first[0])
    assert (late.status_code, set(late.json()["run_ids"]) <= runs_of(first[0], companies[0])) == (202, True)
    ended(automations, runs)
    chats = whop.state()["chats"]
    assert sorted(chat["company_id"] for chat in chats) == sorted(companies)
    assert {(chat["title"], chat["notification_preference"]) for chat in chats} == {("pay_1 failed", "none")}


@WITH_EACH_CREDENTIAL
def test_an_event_for_many_targets_opens_a_chat_in_each(
    automations: Automations, caller: httpx.Client, whop: MockServer
) -> None:
    companies = [company() for _ in range(3)]
    listen(automations, *companies)
    delivery = signed(payment_failed(company()), WEBHOOK_SECRET)
    assert deliver(caller, delivery).status_code == 202
    ended(automations, runs_of(delivery, *companies))
    assert sorted(chat["company_id"] for chat in whop.state()["chats"]) == sorted(companies)


def test_an_event_that_names_a_company_as_older_versions_do_opens_its_chat(
    automations: Automations, caller: httpx.Client, whop: MockServer
) -> None:
    listen(automations)
    target = company()
    delivery = signed(event("payment.failed", company_id=target, data={"id": "pay_1"}), WEBHOOK_SECRET)
    assert deliver(caller, delivery).status_code == 202
    ended(automations, runs_of(delivery, target))
    assert [chat["company_id"] for chat in whop.state()["chats"]] == [target]


def test_an_automation_that_takes_longer_than_whop_waits_is_rendered_from_the_queue(
    automations: Automations, caller: httpx.Client, whop: MockServer
) -> None:
    listen(automations, title="{{ length(event.data.items[?name == 'y']) }} of many")
    target = company()
    items = [{"name": "x"}] * 9000
    delivery = signed(payment_failed(target, data={"items": items}), WEBHOOK_SECRET)
    answer = deliver(caller, delivery)
    assert (answer.status_code, answer.json()) == (202, {"run_ids": []})
    (run,) = ended(automations, runs_of(delivery, target))
    assert run["status"] == "succeeded"
    assert [chat["title"] for chat in whop.state()["chats"]] == ["0 of many"]


@pytest.mark.parametrize(
    ("trigger", "body"),
    [
        ({}, event("membership.activated", account_id="biz_A")),
        ({}, event("something.announced.tomorrow")),
        ({"filter": "data.amount > `100`"}, payment_failed("biz_A", data={"id": "pay_1", "amount": 99})),
        ({"enabled": False}, payment_failed("biz_A")),
    ],
    ids=["another event", "an event of an unknown type", "held back by the filter", "switched off"],
)
def test_an_event_without_a_listener_is_accepted_and_starts_no_run(
    automations: Automations, caller: httpx.Client, whop: MockServer, trigger: Json, body: bytes
) -> None:
    listen(automations, **trigger)
    begun = datetime.now(UTC)
    answer = deliver(caller, signed(body, WEBHOOK_SECRET))
    assert (answer.status_code, answer.json()) == (202, {"run_ids": []})
    assert automations.runs("on-failure", since=begun.isoformat()) == []
    assert whop.state()["chats"] == []


def test_an_automation_that_cannot_be_rendered_is_a_failed_run_and_the_event_is_taken(
    automations: Automations, caller: httpx.Client, whop: MockServer
) -> None:
    listen(automations, title="{{ event.data.name.first }} failed")
    target = company()
    delivery = signed(payment_failed(target), WEBHOOK_SECRET)
    assert deliver(caller, delivery).status_code == 202
    (run,) = ended(automations, runs_of(delivery, target))
    assert run["status"] == "failed"
    assert "event.data.name.first" in run["error"]["message"]
    assert whop.state()["chats"] == []


BODY = payment_failed("biz_A", data={"id": "the-body-of-a-stranger"})
GOOD = signed(BODY, WEBHOOK_SECRET)


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(BODY, {}),
        signed(BODY, "ws_" + "f" * 64),
        signed(BODY, WEBHOOK_SECRET, age=301),
        Delivery(BODY.replace(b"pay", b"pray"), GOOD.headers),
        Delivery(b"the-body-of-a-stranger", GOOD.headers),
    ],
    ids=["no signature", "another secret", "signed long ago", "a changed body", "no JSON"],
)
def test_a_delivery_that_whop_did_not_sign_is_rejected_and_its_body_is_not_logged(
    automations: Automations, caller: httpx.Client, whop: MockServer, delivery: Delivery
) -> None:
    listen(automations)
    begun = datetime.now(UTC)
    answer = deliver(caller, delivery)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert whop.state()["chats"] == []
    group = automations.system.stack.outputs["ReceiveWebhookLogs"]
    (line,) = until(lambda: [line for line in automations.log(group, begun) if "delivery refused" in line])
    assert "webhook-" in line
    assert not [line for line in automations.log(group, begun) if "the-body-of-a-stranger" in line]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": "evt_1"}', b'{"id": 1, "type": "payment.failed"}'], ids=repr)
def test_a_signed_body_that_is_no_event_is_rejected(
    automations: Automations, caller: httpx.Client, whop: MockServer, body: bytes
) -> None:
    listen(automations)
    answer = deliver(caller, signed(body, WEBHOOK_SECRET))
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert "the body isn't an event" in answer.json()["detail"]
    assert whop.state()["chats"] == []
