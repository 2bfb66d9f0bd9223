"""Answers to Whop's deliveries."""

import json
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest

from aichats.api.routes.webhooks import receive
from aichats.automations.webhook_events import WebhookEvents
from aichats.aws.errors import NoResponseError
from aichats.aws.observability import metrics
from aichats.http.deadline import remaining
from aichats.runs.ledger.ledger import Ledger
from tests.support.automations import listening
from tests.support.fakes import FakeSecretsManager, Json, aws_error
from tests.support.lambda_calls import REQUEST_ID, SIGNED_WITH, WEBHOOK_SECRET, Answer, check_against_document
from tests.support.stack_in_memory import StackInMemory, delivery, payment, sign

OTHER = "ws_" + "fedcba9876543210" * 4
LOUD = "what nobody verified"


class Time:
    """The clock of the secret store."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def stack(time: Time) -> StackInMemory:
    stack = StackInMemory()
    stack.app.secrets.clock = time
    stack.put(listening())
    return stack


@pytest.fixture
def secrets(stack: StackInMemory) -> FakeSecretsManager:
    return stack.secrets


def answer(stack: StackInMemory, event: Json) -> Answer:
    """Return the answer, after checking that it is complete. An error must be a problem."""
    reply = receive(stack.app, event, REQUEST_ID)
    headers = {name.lower(): value for name, value in reply["headers"].items()}
    found = Answer(reply["statusCode"], headers, reply["body"])
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    check_against_document("POST", "/webhooks/whop", found)
    return found


# ---------------------------------------------------------------------------------------------- taken


@pytest.mark.parametrize("in_base64", [False, True])
def test_a_delivery_is_answered_when_its_runs_are_safe(stack: StackInMemory, *, in_base64: bool) -> None:
    found = answer(stack, delivery(in_base64=in_base64))

    assert (found.status, found.json) == (202, {"run_ids": [row.run.run_id for row in stack.runs]})
    assert len(stack.runs) == len(stack.sqs.sent) == 1


@pytest.mark.parametrize("event", [payment(type="plan.created"), payment(type="something.new"), payment(data={})])
def test_an_event_that_sets_nothing_off_is_taken(stack: StackInMemory, event: Json) -> None:
    stack.put(listening(filter="data.amount == `1`"))
    found = answer(stack, delivery(event))

    assert (found.status, found.json, stack.runs) == (202, {"run_ids": []}, [])


def test_an_event_that_cannot_be_rendered_is_taken_and_its_run_has_failed(stack: StackInMemory) -> None:
    stack.put(listening(targets=("{{ event.data.nobody }}",)))
    found = answer(stack, delivery())

    assert found.status == 202
    assert [(row.run.run_id, row.status) for row in stack.runs] == [(found.json["run_ids"][0], "failed")]


def test_a_webhook_id_that_is_repeated_has_one_effect(stack: StackInMemory) -> None:
    first, again = answer(stack, delivery()), answer(stack, delivery(age=60))
    stack.work()
    later = answer(stack, delivery(age=30))

    assert first.json == again.json == later.json
    assert len(stack.whop.chats) == 1


@pytest.mark.parametrize("name", ["account_id", "company_id"])
def test_both_generations_of_envelopes_name_the_company(stack: StackInMemory, name: str) -> None:
    stack.put(listening(targets=("{{ event.account_id }}",)))
    answer(stack, delivery(payment(**{"account_id": ..., name: "biz_C"})))

    assert [row.run.target for row in stack.runs] == ["biz_C"]


def test_a_body_is_verified_as_it_came_to_the_byte(stack: StackInMemory) -> None:
    spaced = json.dumps(payment(), indent=3, ensure_ascii=False).encode() + b"\n"

    assert answer(stack, delivery(spaced)).status == 202


# ---------------------------------------------------------------------------------------------- rejected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"webhook_id": None}, "webhook-id is missing"),
        ({"webhook_timestamp": None}, "webhook-timestamp is missing"),
        ({"webhook_signature": None}, "webhook-signature is missing"),
        ({"webhook_id": "other"}, "fits none of the secrets"),
        ({"webhook_id": "with.dot"}, "webhook-id must be"),
        ({"webhook_timestamp": "yesterday"}, "webhook-timestamp must be"),
        ({"webhook_timestamp": "1"}, "s old"),
        ({"webhook_signature": "v1,short"}, "has no signature"),
        ({"secrets": [OTHER]}, "fits none of the secrets"),
        ({"secrets": [SIGNED_WITH[3:]]}, "fits none of the secrets"),
        ({"age": 301}, "s old"),
        ({"age": -302}, "s ahead"),
    ],
)
def test_what_is_not_whops_is_rejected(stack: StackInMemory, changes: Json, message: str) -> None:
    headers = {f"webhook-{name[8:]}": changes.pop(name) for name in list(changes) if name.startswith("webhook_")}
    event = delivery(**changes)
    event["headers"] = {k: v for k, v in (event["headers"] | headers).items() if v is not None}

    found = answer(stack, event)

    assert found.status == 401
    assert message in found.json["detail"]
    assert (stack.runs, stack.sqs.sent) == ([], [])


def test_a_body_that_was_changed_is_rejected(stack: StackInMemory) -> None:
    event = delivery()

    assert answer(stack, event | {"body": event["body"].replace("12.5", "99.5")}).status == 401
    assert answer(stack, event | {"body": None}).status == 401
    assert answer(stack, event).status == 202


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"[" * 100_000, "body"),
        (json.dumps(payment(type=...)).encode(), "type"),
        (json.dumps(payment(timestamp="soon")).encode(), "timestamp"),
        (json.dumps(payment(timestamp="2026-11-20T12:00:00")).encode(), "timestamp"),
        (json.dumps(payment(timestamp="0001-01-01T00:00:00Z")).encode(), "timestamp"),
        (json.dumps(payment(timestamp="9999-12-31T23:59:59Z")).encode(), "timestamp"),
        (json.dumps(payment(data=[LOUD])).encode(), "data"),
    ],
)
def test_what_whop_signed_and_is_no_event_is_rejected(stack: StackInMemory, body: bytes, message: str) -> None:
    in_base64 = not body.isascii()
    found = answer(stack, delivery(body, in_base64=True) if in_base64 else delivery(body))

    assert found.status == 400
    assert found.json["detail"].startswith(f"the body isn't an event: {message}: ")
    assert LOUD not in found.body


def test_a_body_that_is_not_the_base64_that_it_is_said_to_be_is_rejected(stack: StackInMemory) -> None:
    found = answer(stack, delivery() | {"isBase64Encoded": True, "body": "no base64 !"})

    assert (found.status, found.json["detail"]) == (400, "body: is not valid base64")


# ---------------------------------------------------------------------------------------------- secrets


def test_during_a_rotation_both_secrets_are_taken(stack: StackInMemory, secrets: FakeSecretsManager) -> None:
    secrets.values[WEBHOOK_SECRET] = {"secrets": [SIGNED_WITH, OTHER]}

    for signed_with in ([SIGNED_WITH], [OTHER], [OTHER, SIGNED_WITH]):
        assert answer(stack, delivery(secrets=signed_with)).status == 202
    assert secrets.reads == [WEBHOOK_SECRET]


def test_a_secret_that_was_rotated_is_read_again(stack: StackInMemory, secrets: FakeSecretsManager) -> None:
    assert answer(stack, delivery()).status == 202
    secrets.values[WEBHOOK_SECRET] = {"secrets": [OTHER]}

    assert answer(stack, delivery(secrets=[OTHER])).status == 202
    assert answer(stack, delivery()).status == 401


def test_rejected_deliveries_read_the_secret_again_at_most_every_thirty_seconds(
    stack: StackInMemory, secrets: FakeSecretsManager, time: Time
) -> None:
    reads = []
    for seconds in (0, 1, 28, 1, 29, 1):
        time.now += seconds
        assert answer(stack, delivery(secrets=[OTHER])).status == 401
        reads.append(len(secrets.reads))

    assert reads == [2, 2, 2, 3, 3, 4]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"secrets": []},
        {"secrets": [""]},
        {"secrets": SIGNED_WITH},
        "no JSON",
        aws_error("AccessDeniedException"),
        aws_error("ResourceNotFoundException"),
    ],
)
def test_without_a_secret_no_delivery_is_accepted_and_the_secret_is_not_named(
    stack: StackInMemory, secrets: FakeSecretsManager, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    secrets.values[WEBHOOK_SECRET] = value
    empty = sign("", "msg_1", "1", b"")

    for event in (delivery(), delivery(secrets=[""]), delivery(webhook_signature=empty)):
        found = answer(stack, event)
        assert (found.status, found.json["detail"]) == (500, "not stored; deliver it again")
        assert "aichats" not in found.body
    assert stack.runs == []
    assert WEBHOOK_SECRET in str([vars(record) for record in caplog.records])


# ---------------------------------------------------------------------------------------------- counted


def counted(stack: StackInMemory, event: Json) -> Json:
    """Return the values of each metric of deliveries that answering a delivery counted."""
    metrics.clear_metrics()
    answer(stack, event)
    return {name: metric["Value"] for name, metric in metrics.metric_set.items() if name.startswith("Deliver")}


def test_rejected_deliveries_with_whops_signature_are_counted_separately(
    stack: StackInMemory,
) -> None:
    assert counted(stack, delivery(b"{")) == {"DeliveriesUnverified": [0], "DeliveriesRefused": [1]}
    assert counted(stack, delivery(secrets=[OTHER])) == {"DeliveriesUnverified": [1]}
    assert counted(stack, delivery(b"{", secrets=[OTHER])) == {"DeliveriesUnverified": [1]}
    assert counted(stack, delivery(webhook_signature=None)) == {"DeliveriesUnverified": [1]}


def test_a_request_without_any_header_of_a_signature_is_a_strangers_and_counts_as_no_delivery(
    stack: StackInMemory,
) -> None:
    unsigned = delivery()
    unsigned["headers"] = {"content-type": "application/json"}

    assert answer(stack, unsigned).status == 401
    assert counted(stack, unsigned) == {}


@pytest.mark.parametrize("header", ["webhook-id", "Webhook-Timestamp", "webhook-signature"])
def test_one_header_of_a_signature_is_enough_to_count(stack: StackInMemory, header: str) -> None:
    event = delivery()
    event["headers"] = {header: "1"}

    assert counted(stack, event) == {"DeliveriesUnverified": [1]}


def test_each_delivery_that_is_verified_brings_the_least_number_of_unverified_ones_down_to_none(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert counted(stack, delivery()) == {"DeliveriesUnverified": [0]}
    break_aws(stack, monkeypatch)
    assert counted(stack, delivery()) == {"DeliveriesUnverified": [0], "DeliveriesNotTaken": [1]}


def test_where_there_is_no_secret_to_verify_with_nothing_is_called_unverified(
    stack: StackInMemory, secrets: FakeSecretsManager
) -> None:
    secrets.values[WEBHOOK_SECRET] = {}

    assert counted(stack, delivery()) == {"DeliveriesNotTaken": [1]}


# ---------------------------------------------------------------------------------------------- nothing is lost


def test_what_is_not_taken_is_counted_for_an_alarm_and_a_refusal_is_not(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(stack, delivery())
    answer(stack, delivery(secrets=[OTHER]))
    answer(stack, delivery(b"{"))
    assert "DeliveriesNotTaken" not in metrics.metric_set

    break_aws(stack, monkeypatch)
    answer(stack, delivery())

    assert metrics.metric_set["DeliveriesNotTaken"]["Value"] == [1]


def test_a_queue_that_rejects_leaves_what_is_in_the_ledger_to_the_sweep(stack: StackInMemory) -> None:
    stack.sqs.rejects = lambda _: True
    found = answer(stack, delivery())

    assert (found.status, found.json) == (202, {"run_ids": [row.run.run_id for row in stack.runs]})
    assert [row.status for row in stack.runs] == ["pending"]


ERRORS = [aws_error("ThrottlingException"), NoResponseError("the connection was closed")]


@pytest.mark.parametrize("error", ERRORS)
def test_a_ledger_that_rejects_leaves_the_event_to_the_queue(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "add", _raising(error))
        found = answer(stack, delivery())

    assert (found.status, found.json, stack.runs) == (202, {"run_ids": []}, [])
    stack.work()
    assert len(stack.whop.chats) == 1


@pytest.mark.parametrize("error", ERRORS)
def test_what_neither_ledger_nor_queue_takes_is_a_500_and_the_next_delivery_completes_it(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as broken:
        break_aws(stack, broken, error)
        found = answer(stack, delivery())
        assert (found.status, found.json["detail"]) == (500, "not stored; deliver it again")

    stack.sqs.down = None
    assert answer(stack, delivery()).status == 202
    stack.work()
    assert len(stack.whop.chats) == 1


@pytest.mark.parametrize(("age", "left"), [(0.0, 4.0), (1.5, 2.5), (3.5, 1.0), (29.0, 1.0), (31.0, 4.0), (-5.0, 4.0)])
def test_a_delivery_is_answered_four_seconds_after_it_arrived(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, age: float, left: float
) -> None:
    found: list[tuple[float, float]] = []

    def handle(*_: object) -> list[str]:
        found.append((remaining(default=99.0), monotonic() - begun))
        return []

    monkeypatch.setattr(WebhookEvents, "handle", handle)
    event = delivery()
    begun = monotonic()
    event["requestContext"]["timeEpoch"] = int((datetime.now(UTC).timestamp() - age) * 1000)

    answer(stack, event)

    [(remains, passed)] = found
    assert left - passed - 0.01 <= remains <= left + 0.01


@pytest.mark.parametrize(
    ("body", "signed_with"),
    [
        (json.dumps(payment(data=LOUD)).encode(), SIGNED_WITH),
        (json.dumps(payment(type=LOUD)).encode(), OTHER),
        (b"{" + LOUD.encode(), SIGNED_WITH),
    ],
)
def test_nothing_of_a_rejected_body_is_logged_or_answered(
    stack: StackInMemory, body: bytes, signed_with: str, caplog: pytest.LogCaptureFixture
) -> None:
    event = delivery(body, secrets=[signed_with])
    found = answer(stack, event)

    [log] = caplog.records
    assert found.status in (400, 401)
    assert LOUD not in found.body + str(vars(log))
    for header in ("webhook-id", "webhook-signature"):
        assert event["headers"][header] not in found.body + str(vars(log))


def break_aws(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, error: Exception = ERRORS[0]) -> None:
    """Make every write to the ledger and to the queue fail."""
    monkeypatch.setattr(Ledger, "add", _raising(error))
    stack.sqs.down = error


def _raising(error: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail
