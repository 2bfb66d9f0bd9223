"""The function that receives webhooks, whole: from API Gateway's event to the chats at Whop."""

import json
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from aichats.api.app import create_api
from aichats.runs.ledger.ledger import Ledger
from functions.receive_webhook import app as receive_webhook
from tests.support.automations import listening
from tests.support.fakes import Json, aws_error
from tests.support.lambda_calls import REQUEST_ID, SIGNED_WITH, WEBHOOK_SECRET, HttpCaller, make_context
from tests.support.output import Output
from tests.support.stack_in_memory import NAME, StackInMemory, delivery, payment

OTHER = "ws_" + "fedcba9876543210" * 4
PRIVATE = "what no log holds"

type Receive = Callable[[Json], Json]


@pytest.fixture
def stack() -> StackInMemory:
    stack = StackInMemory()
    definition = listening(targets=("{{ event.account_id }}",))
    action = {**definition["action"], "title": "{{ event.data.id }}", "message_text": "{{ event.data.note || 'none' }}"}
    stack.put(definition | {"action": action})
    return stack


@pytest.fixture
def receive(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, output: Output) -> Receive:
    """Calls the handler in a container that uses the fakes; what it prints is in ``output``."""
    assert output.text == ""
    monkeypatch.setattr(receive_webhook, "app", stack.app)
    return lambda event: dict(receive_webhook.lambda_handler(event, make_context(10)))


def test_an_event_becomes_a_chat(receive: Receive, stack: StackInMemory, output: Output) -> None:
    answer = receive(delivery())
    stack.work()

    assert answer["statusCode"] == 202
    assert stack.titles == ["pay_1"]
    assert stack.runs[0].run.run_id in json.loads(answer["body"])["run_ids"]
    assert (output.counted("Deliveries"), output.counted("RunsQueued")) == (1, 1)


def test_deliveries_of_which_many_are_repeated_make_as_many_chats_as_there_are_events(
    receive: Receive, stack: StackInMemory
) -> None:
    for number in [*range(20), *range(0, 20, 3), *range(5)]:
        assert receive(delivery(payment(id=f"evt_{number}"), webhook_id=f"msg_{number}"))["statusCode"] == 202
        if number % 4 == 0:
            stack.work()
    stack.work()

    assert len(stack.whop.chats) == 20


def test_a_run_that_cannot_be_rendered_is_replayed_after_its_automation_is_fixed(
    receive: Receive, stack: StackInMemory
) -> None:
    answer = receive(delivery(payment(account_id=...)))
    [run_id] = json.loads(answer["body"])["run_ids"]
    call = HttpCaller(create_api(stack.app).resolve)

    assert answer["statusCode"] == 202
    assert call("GET", f"/runs/{run_id}").json["status"] == "failed"
    assert call("POST", f"/runs/{run_id}/replay").fields == ["targets.0"]
    assert (stack.sqs.sent, stack.whop.requests) == ([], [])

    call("PUT", f"/automations/{NAME}", listening(targets=("{{ event.account_id || 'biz_Z' }}",)))
    [replacement] = call("POST", f"/runs/{run_id}/replay").json["run_ids"]
    stack.work()
    assert call("GET", f"/runs/{run_id}").json["error"]["replaced_by"] == [replacement]
    assert call("GET", f"/runs/{replacement}").json["status"] == "succeeded"
    assert [chat["current_company_id"] for chat in stack.whop.chats.values()] == ["biz_Z"]


def test_logs_say_which_event_it_was_and_nothing_that_it_held(
    receive: Receive, stack: StackInMemory, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(delivery(payment(data={"id": "pay_1", "note": PRIVATE})))
    receive(delivery(payment(account_id=..., data={"id": PRIVATE, "note": PRIVATE}), webhook_id="msg_2"))
    stack.sqs.down = aws_error("ThrottlingException")
    monkeypatch.setattr(Ledger, "add", Mock(side_effect=stack.sqs.down))
    receive(delivery(payment(data={"id": PRIVATE, "note": PRIVATE}), webhook_id="msg_3"))

    failed, rejected = (
        next(log for log in output.logs if log["message"].startswith(start)) for start in ("run", "deli")
    )
    assert (failed["webhook_id"], failed["event_type"], failed["automation"]) == ("msg_2", "payment.failed", NAME)
    assert (rejected["webhook_id"], rejected["function_request_id"]) == ("msg_3", REQUEST_ID)
    assert PRIVATE not in output.text
    assert SIGNED_WITH not in output.text


@pytest.mark.parametrize("event", ["unsigned", "of another", "no event", "no base64"])
def test_nothing_of_a_body_that_is_rejected_is_logged(receive: Receive, output: Output, event: str) -> None:
    private = payment(id=PRIVATE, type=PRIVATE, data=PRIVATE)
    given = {
        "unsigned": lambda: delivery(private, webhook_signature="v1,none"),
        "of another": lambda: delivery(private, secrets=[OTHER]),
        "no event": lambda: delivery(private),
        "no base64": lambda: delivery(private) | {"isBase64Encoded": True},
    }[event]()

    answer = receive(given)

    assert answer["statusCode"] in (400, 401)
    assert PRIVATE not in output.text + answer["body"]
    assert [log["message"] for log in output.logs] == ["delivery refused"]


def test_what_was_logged_of_one_delivery_does_not_stick_to_the_next(receive: Receive, output: Output) -> None:
    receive(delivery())
    receive(delivery(secrets=[OTHER]))

    assert "webhook_id" not in output.logs[-1]


def test_without_a_secret_every_delivery_is_answered_with_500_and_the_log_says_what_to_type(
    receive: Receive, stack: StackInMemory, output: Output
) -> None:
    stack.secrets.values[WEBHOOK_SECRET] = {}

    answer = receive(delivery())

    assert answer["statusCode"] == 500
    assert "aichats/" not in answer["body"]
    assert "aichats admin secret set webhook" in output.text
