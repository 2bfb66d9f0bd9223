from typing import Any

import httpx
import pytest

from tests.support.mock_servers import AI_CHATS, NEW, Json, WhopInProcess

HELLO = {"message_text": "hello"}


def error_of(whop: WhopInProcess, **options: Any) -> tuple[int, str]:
    reply = whop.call("POST", **options)
    return reply.status_code, reply.json()["error"]["code"]


def test_a_repeated_key_replays_the_first_answer(whop: WhopInProcess) -> None:
    first = whop.call("POST", json=HELLO, key="k")
    whop.advance(5)
    second = whop.call("POST", json=HELLO, key="k")

    assert (second.status_code, second.content) == (200, first.content)
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert len(whop.state()["chats"]) == 1


def test_a_refusal_is_replayed_too(whop: WhopInProcess) -> None:
    whop.mode(api_keys="forbidden")
    whop.call("POST", json=HELLO, key="k")
    whop.mode(api_keys="allowed")

    reply = whop.call("POST", json=HELLO, key="k")

    assert (reply.status_code, reply.headers["Idempotent-Replayed"]) == (403, "true")


@pytest.mark.parametrize("other", [
    {"json": {"message_text": "something else"}},
    {"content": b'{"message_text": "hello"}'},
    {"json": HELLO, "version": NEW},
    {"json": HELLO, "params": {"x": "1"}},
    {"json": HELLO, "path": "/elsewhere"},
])  # fmt: skip
def test_a_key_that_comes_with_another_call_is_rejected(whop: WhopInProcess, other: Json) -> None:
    whop.call("POST", json=HELLO, key="k")

    assert error_of(whop, key="k", **other) == (400, "idempotency_key_mismatch")
    assert whop.call("POST", json=HELLO, key="k").headers["Idempotent-Replayed"] == "true"


def test_the_oldest_version_by_name_is_the_same_call_as_no_version(whop: WhopInProcess) -> None:
    whop.call("POST", json=HELLO, key="k", version=None)

    assert whop.call("POST", json=HELLO, key="k", version="2025-01-01").headers["Idempotent-Replayed"] == "true"


def test_a_key_whose_call_is_still_in_progress_is_rejected(whop: WhopInProcess) -> None:
    whop.mode(latency=2)
    task = whop.begin_call("POST", json=HELLO, key="k")
    second = whop.begin_call("POST", json=HELLO, key="k")
    whop.advance(2)

    assert whop.end(task).status_code == 200
    assert whop.end(second).status_code == 409
    assert whop.end(second).json()["error"]["code"] == "idempotency_request_in_progress"
    assert len(whop.state()["chats"]) == 1


def test_a_key_is_kept_for_24_hours(whop: WhopInProcess) -> None:
    first = whop.call("POST", json=HELLO, key="k").json()
    whop.advance(24 * 3600 - 1)
    still = whop.call("POST", json=HELLO, key="k").json()
    whop.advance(1)
    later = whop.call("POST", json=HELLO, key="k").json()

    assert first["id"] == still["id"] != later["id"]


def test_keys_of_different_credentials_never_meet(whop: WhopInProcess) -> None:
    first = whop.call("POST", json=HELLO, key="k", token="one").json()
    second = whop.call("POST", json=HELLO, key="k", token="two").json()

    assert first["id"] != second["id"]


@pytest.mark.parametrize(("length", "status"), [(255, 200), (256, 400)])
def test_a_key_has_at_most_255_bytes(whop: WhopInProcess, length: int, status: int) -> None:
    assert whop.call("POST", json=HELLO, key="k" * length).status_code == status
    assert len(whop.state()["chats"]) == (status == 200)


def test_the_length_of_a_key_is_counted_in_bytes(whop: WhopInProcess) -> None:
    key = ("é" * 128).encode()
    headers = [(b"Authorization", b"Bearer a-token"), (b"Idempotency-Key", key)]

    assert whop.request("POST", AI_CHATS, json=HELLO, headers=headers).status_code == 400


def test_keys_count_for_post_alone(whop: WhopInProcess) -> None:
    path = f"/{whop.create()['id']}"
    for title in ("one", "two"):
        assert whop.call("PATCH", path, json={"title": title}, key="k").json()["title"] == title


def test_a_server_that_ignores_keys_creates_each_time(whop: WhopInProcess) -> None:
    whop.mode(idempotency="ignored")
    replies = [whop.call("POST", json=HELLO, key="k" * 300) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert len(whop.state()["chats"]) == 2


def test_a_call_that_was_throttled_leaves_its_key_free(whop: WhopInProcess) -> None:
    whop.mode(rate_limit=0)
    assert whop.call("POST", json=HELLO, key="k").status_code == 429
    whop.mode(rate_limit=600)

    assert "Idempotent-Replayed" not in whop.call("POST", json=HELLO, key="k").headers


def met(whop: WhopInProcess, fault: str) -> httpx.Response:
    """Return the response to a repeated call with its key, after it met the fault."""
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": fault})
    whop.attempt("POST", json=HELLO, key="k")
    return whop.call("POST", json=HELLO, key="k")


@pytest.mark.parametrize("fault", ["status:500", "status:429", "drop_before"])
def test_a_fault_before_anything_was_done_leaves_the_key_free(whop: WhopInProcess, fault: str) -> None:
    again = met(whop, fault)

    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, None)
    assert [chat["id"] for chat in whop.state()["chats"]] == [again.json()["id"]]


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "malformed"])
def test_a_fault_after_it_was_done_leaves_the_true_answer_for_the_key(whop: WhopInProcess, fault: str) -> None:
    again = met(whop, fault)

    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, "true")
    assert [chat["id"] for chat in whop.state()["chats"]] == [again.json()["id"]]


def test_a_delayed_call_is_replayed_while_its_own_answer_still_waits(whop: WhopInProcess) -> None:
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": "delay:3"})
    first = whop.begin_call("POST", json=HELLO, key="k")
    again = whop.call("POST", json=HELLO, key="k")
    whop.advance(3)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert whop.end(first).content == again.content


def test_a_late_call_is_in_progress_until_it_is_done(whop: WhopInProcess) -> None:
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": "late:3"})
    whop.attempt("POST", json=HELLO, key="k")
    whop.advance(2.9)
    assert error_of(whop, json=HELLO, key="k") == (409, "idempotency_request_in_progress")

    whop.advance(0.1)
    done = whop.call("POST", json=HELLO, key="k")
    assert (done.status_code, done.headers["Idempotent-Replayed"]) == (200, "true")
    assert [chat["id"] for chat in whop.state()["chats"]] == [done.json()["id"]]
