"""The mock receiver: what it keeps of a delivery, how it answers, and what its control API shows."""

import base64
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from local.standins.receiver.app import DELIVERIES_KEPT, MAX_BODY_BYTES, create_app
from local.standins.receiver.signature import TOLERANCE_SECONDS
from tests.support.mock_servers import InProcess, Json, ReceiverInProcess

DEFAULTS = {"status": 200, "latency": 0.0, "redirect": None}
EMPTY = {"received": [], "secrets": 0, "clock_ahead": 0.0, "requests": []}
SECRET, OTHER = (f"whsec_{base64.b64encode(letter * 32).decode()}" for letter in (b"a", b"b"))


def signed(receiver: ReceiverInProcess, *secrets: str, body: str = "{}", age: float = 0) -> dict[str, str]:
    """Return the headers of a delivery that the reference library signed."""
    sent_at = datetime.fromtimestamp(receiver.clock.now() - age, UTC)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign("evt_1", sent_at, body) for secret in secrets),
    }


def last(receiver: ReceiverInProcess) -> Json:
    """Return the delivery that arrived last."""
    delivery: Json = receiver.state()["received"][-1]
    return delivery


def test_a_delivery_to_any_path_is_kept_with_its_time_headers_and_body(receiver: ReceiverInProcess) -> None:
    answer = receiver.call("POST", "/team/a?b=c", content=b'{"type": "run.failed"}', headers={"webhook-id": "evt_1"})

    assert (answer.status_code, answer.content) == (200, b"")
    kept = last(receiver)
    assert kept["headers"]["webhook-id"] == "evt_1"
    assert kept | {"headers": {}} == {
        "at": "2027-01-15T08:00:00.000Z",
        "path": "/team/a?b=c",
        "headers": {},
        "body": '{"type": "run.failed"}',
        "webhook_id": "evt_1",
        "signature": "missing",
        "duplicate": False,
        "status": 200,
    }


def test_an_event_that_came_before_is_a_duplicate_and_one_without_an_id_never_is(receiver: ReceiverInProcess) -> None:
    for webhook_id in ("evt_1", "evt_2", "evt_1"):
        receiver.deliver({}, webhook_id)
    for _ in range(2):
        receiver.call("POST", "/", content=b"{}")

    assert [each["duplicate"] for each in receiver.state()["received"]] == [False, False, True, False, False]


def test_an_event_that_several_subscriptions_send_to_their_own_paths_is_no_duplicate(
    receiver: ReceiverInProcess,
) -> None:
    for path in ("/", "/slack", "/slack"):
        receiver.call("POST", path, content=b"{}", headers={"webhook-id": "evt_1"})

    assert [each["duplicate"] for each in receiver.state()["received"]] == [False, False, True]


def test_the_last_deliveries_are_kept_and_an_older_event_is_still_a_duplicate(receiver: ReceiverInProcess) -> None:
    for number in range(DELIVERIES_KEPT + 1):
        receiver.deliver({}, f"evt_{number}")
    receiver.deliver({}, "evt_0")

    kept = receiver.state()["received"]
    assert len(kept) == DELIVERIES_KEPT
    assert (kept[0]["webhook_id"], kept[-1]["webhook_id"], kept[-1]["duplicate"]) == ("evt_2", "evt_0", True)


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[" * 100_000, b'{"type": 1, "data": "no"}', b'{"type": "\\ud800"}', b"1" * 5000]
)
def test_a_malformed_body_is_kept_and_shown(receiver: ReceiverInProcess, body: bytes) -> None:
    assert receiver.call("POST", "/", content=body).status_code == 200

    assert last(receiver)["body"] == body.decode(errors="replace")
    assert "1 delivery" in receiver.page()


def test_a_huge_body_is_rejected_and_its_beginning_is_kept(receiver: ReceiverInProcess) -> None:
    fits = receiver.call("POST", "/", content=b"a" * MAX_BODY_BYTES)
    huge = receiver.call("POST", "/", content=b"a" * (MAX_BODY_BYTES * 40))

    assert (fits.status_code, huge.status_code) == (200, 413)
    assert [(len(each["body"]), each["status"]) for each in receiver.state()["received"]] == [
        (MAX_BODY_BYTES, 200),
        (MAX_BODY_BYTES, 413),
    ]


def test_another_method_is_rejected_and_is_no_delivery(receiver: ReceiverInProcess) -> None:
    answer = receiver.call("GET", "/team")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert receiver.state()["received"] == []


def test_a_mode_decides_the_answer_and_the_delivery_is_kept_all_the_same(receiver: ReceiverInProcess) -> None:
    assert receiver.control("mode", {"status": 503}).json() == DEFAULTS | {"status": 503}
    assert receiver.deliver({}).status_code == 503
    receiver.mode(redirect="http://127.0.0.1:1/elsewhere")
    redirected = receiver.deliver({})

    assert (redirected.status_code, redirected.headers["location"]) == (307, "http://127.0.0.1:1/elsewhere")
    assert [each["status"] for each in receiver.state()["received"]] == [503, 307]


def test_a_slow_receiver_answers_after_its_latency_and_keeps_the_delivery_at_once(receiver: ReceiverInProcess) -> None:
    receiver.mode(latency=30)
    task = receiver.begin_call("POST", "/", json={})

    assert len(receiver.state()["received"]) == 1
    assert "1 delivery" in receiver.page()
    receiver.advance(30)
    assert receiver.end(task).status_code == 200


@pytest.mark.parametrize("mode", [
    {"status": 199}, {"status": 600}, {"latency": -1}, {"redirect": "/elsewhere"}, {"redirect": "http://a\r\nx: y"},
    {"redirect": "http://ü"}, {"rate_limit": 1},
])  # fmt: skip
def test_an_invalid_mode_is_rejected_by_name(receiver: ReceiverInProcess, mode: Json) -> None:
    reply = receiver.control("mode", mode)

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, next(iter(mode)))
    assert receiver.control("mode", {}).json() == DEFAULTS


def test_faults_break_deliveries_and_only_those_that_arrived_are_kept(receiver: ReceiverInProcess) -> None:
    for fault in ("status:500", "drop_before", "drop_after"):
        receiver.faults({"method": "POST", "path": "/*", "fault": fault})

    answers = [receiver.attempt("POST", "/team", json={}) for _ in range(4)]

    assert [answer and answer.status_code for answer in answers] == [500, None, None, 200]
    assert len(receiver.state()["received"]) == 2


def test_a_signature_is_valid_if_the_reference_library_made_it(receiver: ReceiverInProcess) -> None:
    assert receiver.control("secrets", {"secrets": [SECRET]}).json() == {"secrets": 1}
    body = json.dumps({"id": "evt_1", "data": {"text": "Grüße. A.b"}})
    receiver.call("POST", "/", content=body.encode(), headers=signed(receiver, SECRET, body=body))

    assert last(receiver)["signature"] == "valid"


def test_one_valid_signature_is_enough_while_a_secret_is_rotated(receiver: ReceiverInProcess) -> None:
    receiver.control("secrets", {"secrets": [SECRET]})
    receiver.call("POST", "/", content=b"{}", headers=signed(receiver, OTHER, SECRET))

    assert last(receiver)["signature"] == "valid"


@pytest.mark.parametrize("change", [
    {"webhook-id": "evt_2"}, {"webhook-timestamp": "1800000001"}, {"webhook-timestamp": "9" * 5000},
    {"webhook-timestamp": ""}, {"webhook-signature": "v1,"}, {"webhook-signature": "v1,\u00e4"},
])  # fmt: skip
def test_a_changed_header_makes_the_signature_invalid(receiver: ReceiverInProcess, change: dict[str, str]) -> None:
    receiver.control("secrets", {"secrets": [SECRET]})
    headers = {name: value.encode("latin-1") for name, value in (signed(receiver, SECRET) | change).items()}
    receiver.call("POST", "/", content=b"{}", headers=headers)

    assert last(receiver)["signature"] == "invalid"


def test_a_signature_of_another_body_or_another_secret_is_invalid(receiver: ReceiverInProcess) -> None:
    receiver.control("secrets", {"secrets": [SECRET]})
    receiver.call("POST", "/", content=b"{} ", headers=signed(receiver, SECRET))
    receiver.call("POST", "/", content=b"{}", headers=signed(receiver, OTHER))

    assert [each["signature"] for each in receiver.state()["received"]] == ["invalid", "invalid"]


@pytest.mark.parametrize(("age", "signature"), [(TOLERANCE_SECONDS, "valid"), (TOLERANCE_SECONDS + 1, "invalid")])
def test_a_signature_is_invalid_if_it_is_old(receiver: ReceiverInProcess, age: int, signature: str) -> None:
    receiver.control("secrets", {"secrets": [SECRET]})
    receiver.call("POST", "/", content=b"{}", headers=signed(receiver, SECRET, age=age))
    receiver.advance(TOLERANCE_SECONDS * 2)

    assert last(receiver)["signature"] == signature


def test_a_secret_that_comes_after_a_delivery_checks_it_too(receiver: ReceiverInProcess) -> None:
    receiver.call("POST", "/", content=b"{}", headers=signed(receiver, SECRET))
    assert last(receiver)["signature"] == "unchecked"
    receiver.control("secrets", {"secrets": [OTHER, SECRET]})

    assert last(receiver)["signature"] == "valid"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "abc", f"x{SECRET}"])
def test_an_invalid_secret_is_rejected_and_not_repeated(receiver: ReceiverInProcess, secret: str) -> None:
    receiver.control("secrets", {"secrets": [SECRET]})
    reply = receiver.control("secrets", {"secrets": [SECRET, secret]})

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "secrets.[1]")
    assert "whsec_ and a key in base64" in reply.json()["errors"][0]["message"]
    assert SECRET not in reply.text
    assert receiver.state()["secrets"] == 1


def test_the_state_never_shows_a_secret(receiver: ReceiverInProcess) -> None:
    receiver.control("secrets", {"secrets": [SECRET]})
    receiver.deliver({})

    assert SECRET.removeprefix("whsec_") not in str(receiver.state()) + receiver.page()


def test_a_reset_forgets_deliveries_ids_secrets_and_the_mode(receiver: ReceiverInProcess) -> None:
    receiver.deliver({})
    receiver.mode(status=500)
    receiver.control("secrets", {"secrets": [SECRET]})

    assert receiver.control("reset", None).json() == EMPTY
    assert receiver.deliver({}).status_code == 200
    assert last(receiver)["duplicate"] is False


def test_the_receiver_starts_with_the_deliveries_of_a_saved_state(receiver: ReceiverInProcess) -> None:
    receiver.deliver({"type": "run.failed"})
    saved = receiver.state()
    with InProcess(lambda clock: create_app(clock, saved), "", dict) as restarted:
        restarted.call("POST", "/", json={}, headers={"webhook-id": "evt_1"})
        first, second = restarted.state()["received"]

    assert first == saved["received"][0]
    assert second["duplicate"] is True
