import pytest

from tests.support.mock_servers import AI_CHATS, Json, WhopInProcess

HELLO = {"message_text": "hello"}


def fault(name: str, **fields: object) -> Json:
    return {"method": "POST", "path": AI_CHATS, "fault": name, **fields}


def created(whop: WhopInProcess) -> int:
    return len(whop.state()["chats"])


@pytest.mark.parametrize(("status", "error"), [
    (400, "invalid_request_error"),
    (401, "unauthorized"),
    (403, "forbidden"),
    (404, "not_found"),
    (408, "invalid_request_error"),
    (410, "gone"),
    (422, "verification_required"),
    (429, "rate_limit_exceeded"),
    (500, "internal_server_error"),
    (503, "internal_server_error"),
])  # fmt: skip
def test_a_status_rejects_as_whop_does_and_does_nothing(whop: WhopInProcess, status: int, error: str) -> None:
    whop.faults(fault(f"status:{status}"))
    reply = whop.call("POST", json=HELLO)

    assert (reply.status_code, reply.json()["error"]["type"]) == (status, error)
    assert created(whop) == 0


def test_a_throttled_call_learns_its_wait_from_the_message_alone(whop: WhopInProcess) -> None:
    whop.faults(fault("status:429"))
    reply = whop.call("POST", json=HELLO)

    assert reply.json()["error"]["message"] == "Try again in 1 seconds."
    assert "retry-after" not in reply.headers


@pytest.mark.parametrize(("name", "chats"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_call_gets_no_answer(whop: WhopInProcess, name: str, chats: int) -> None:
    whop.faults(fault(name))

    assert whop.attempt("POST", json=HELLO) is None
    assert created(whop) == chats


def test_an_error_after_is_a_500_although_it_was_done(whop: WhopInProcess) -> None:
    whop.faults(fault("error_after"))

    assert whop.call("POST", json=HELLO).status_code == 500
    assert created(whop) == 1


def test_a_malformed_answer_is_a_200_that_is_not_json(whop: WhopInProcess) -> None:
    whop.faults(fault("malformed"))
    reply = whop.call("POST", json=HELLO)

    assert reply.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        reply.json()
    assert created(whop) == 1


def test_a_delayed_call_is_done_at_once_and_answered_late(whop: WhopInProcess) -> None:
    whop.faults(fault("delay:1.5"))
    task = whop.begin_call("POST", json=HELLO)
    whop.advance(1.4)

    assert created(whop) == 1
    assert not task.done()
    whop.advance(0.1)
    assert whop.end(task).status_code == 200


def test_a_late_call_is_aborted_at_once_and_done_only_later(whop: WhopInProcess) -> None:
    whop.faults(fault("late:2"))

    assert whop.attempt("POST", json=HELLO) is None
    whop.advance(1.9)
    assert created(whop) == 0
    whop.advance(0.1)
    assert created(whop) == 1


def test_a_late_call_that_a_reset_overtakes_never_happens(whop: WhopInProcess) -> None:
    whop.faults(fault("late:2"))
    whop.attempt("POST", json=HELLO)
    whop.control("reset", None)
    whop.advance(2)

    assert created(whop) == 0


def test_a_late_call_of_a_server_that_ignores_keys_comes_on_top_of_its_repetition(whop: WhopInProcess) -> None:
    whop.mode(idempotency="ignored")
    whop.faults(fault("late:2"))
    whop.attempt("POST", json=HELLO, key="k")
    whop.call("POST", json=HELLO, key="k")
    whop.advance(2)

    assert created(whop) == 2


def test_a_fault_happens_as_often_as_it_says_and_then_no_more(whop: WhopInProcess) -> None:
    whop.faults(fault("status:500", times=2))

    assert [whop.call("POST", json=HELLO).status_code for _ in range(3)] == [500, 500, 200]


def test_faults_happen_in_the_order_they_were_armed_in(whop: WhopInProcess) -> None:
    whop.faults(fault("status:503"), fault("drop_before"))
    whop.faults(fault("status:500"))
    met = [whop.attempt("POST", json=HELLO) for _ in range(4)]

    assert [reply.status_code if reply else None for reply in met] == [503, None, 500, 200]


def test_an_empty_list_takes_back_every_fault(whop: WhopInProcess) -> None:
    whop.faults(fault("status:500", times=9))
    whop.faults()

    assert whop.call("POST", json=HELLO).status_code == 200


def test_a_fault_leaves_other_methods_and_paths_alone(whop: WhopInProcess) -> None:
    chat = whop.create()
    whop.faults(fault("status:500", method="GET"))

    assert whop.call("GET", f"/{chat['id']}").status_code == 200
    assert whop.call("POST", json=HELLO).status_code == 200
    assert whop.call("GET").status_code == 500


def test_a_path_that_ends_in_a_star_matches_all_paths_below_it(whop: WhopInProcess) -> None:
    chat = whop.create()
    whop.faults(fault("status:500", method="GET", path=f"{AI_CHATS}/*", times=9))

    assert whop.call("GET").status_code == 200
    assert whop.call("GET", f"/{chat['id']}").status_code == 500


def test_a_change_that_is_dropped_after_is_still_a_change(whop: WhopInProcess) -> None:
    chat = whop.create()
    path = f"{AI_CHATS}/{chat['id']}"
    whop.faults(fault("drop_after", method="PATCH", path=path), fault("drop_after", method="DELETE", path=path))

    assert whop.attempt("PATCH", f"/{chat['id']}", json={"notification_preference": "none"}) is None
    assert whop.state()["chats"][0]["notification_preference"] == "none"
    assert whop.attempt("DELETE", f"/{chat['id']}") is None
    assert created(whop) == 0


def test_latency_is_added_to_each_answer_and_until_then_nothing_is_done(whop: WhopInProcess) -> None:
    whop.mode(latency=0.5)
    task = whop.begin_call("POST", json=HELLO)
    whop.advance(0.4)
    assert (task.done(), created(whop)) == (False, 0)

    whop.advance(0.1)
    assert whop.end(task).status_code == 200
    assert created(whop) == 1


def test_latency_is_added_to_faults_that_answer(whop: WhopInProcess) -> None:
    whop.mode(latency=0.5)
    whop.faults(fault("status:500"))
    task = whop.begin_call("POST", json=HELLO)
    whop.advance(0.5)

    assert whop.end(task).status_code == 500
