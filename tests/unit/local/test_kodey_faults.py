import pytest

from tests.support.mock_servers import CHAT, Json, KodeyInProcess, user_message

BELOW = f"{CHAT}/*"
"""The path of faults of messages, whatever the chat."""
SAID, ANSWERED = ["hello"], ["hello", "You said: hello"]


def fault(name: str, path: str = CHAT, **fields: object) -> Json:
    return {"method": "POST", "path": path, "fault": name, **fields}


@pytest.fixture
def message(kodey: KodeyInProcess) -> str:
    """Create a chat, and return the path of its messages."""
    return f"/{kodey.create()['id']}/message"


@pytest.mark.parametrize(("status", "error"), [
    (400, "Bad Request"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (429, "Too Many Requests"),
    (500, "Internal Server Error"),
    (503, "Service Unavailable"),
    (599, "Error"),
])  # fmt: skip
def test_a_status_rejects_as_kodey_does_and_does_nothing(kodey: KodeyInProcess, status: int, error: str) -> None:
    kodey.faults(fault(f"status:{status}"))
    reply = kodey.call("POST", json={"agentId": "agent_support"})

    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert reply.json()["message"]
    assert kodey.state()["chats"] == []


def test_an_armed_401_has_the_shape_of_a_401(kodey: KodeyInProcess) -> None:
    kodey.faults(fault("status:401"))

    assert kodey.call("POST").json() == {"message": "Unauthorized: Invalid API key."}


def test_an_armed_429_names_a_second(kodey: KodeyInProcess) -> None:
    kodey.faults(fault("status:429"))

    assert kodey.call("POST").json()["retryAfter"] == 1


@pytest.mark.parametrize(("name", "chats"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_create_gets_no_answer(kodey: KodeyInProcess, name: str, chats: int) -> None:
    kodey.faults(fault(name))

    assert kodey.attempt("POST", json={"agentId": "agent_support"}) is None
    assert len(kodey.state()["chats"]) == chats


@pytest.mark.parametrize(("name", "status", "said"), [
    ("status:500", 500, []),
    ("drop_before", None, []),
    ("drop_after", None, ANSWERED),
    ("error_after", 500, ANSWERED),
    ("malformed", 200, ANSWERED),
])  # fmt: skip
def test_a_fault_of_a_message_leaves_what_was_done(
    kodey: KodeyInProcess, message: str, name: str, status: int | None, said: list[str]
) -> None:
    kodey.faults(fault(name, BELOW))
    reply = kodey.attempt("POST", message, json=user_message())

    assert (reply and reply.status_code) == status
    assert kodey.messages() == said


def test_a_late_message_is_done_only_later_and_answered_after_that(kodey: KodeyInProcess, message: str) -> None:
    kodey.mode(answer_seconds=5)
    kodey.faults(fault("late:2", BELOW))
    said = []
    assert kodey.attempt("POST", message, json=user_message()) is None
    for wait in (1.9, 0.1, 4.9, 0.1):
        kodey.advance(wait)
        said.append(kodey.messages())

    assert said == [[], SAID, SAID, ANSWERED]


def test_a_message_that_is_aborted_in_the_middle_is_there_and_its_answer_comes(
    kodey: KodeyInProcess, message: str
) -> None:
    kodey.mode(answer_seconds=5)
    kodey.faults(fault("late:0", BELOW))

    assert kodey.attempt("POST", message, json=user_message()) is None
    kodey.advance(0)
    assert kodey.messages() == SAID
    kodey.advance(5)
    assert kodey.messages() == ANSWERED


def test_an_answer_that_a_reset_overtakes_never_comes(kodey: KodeyInProcess, message: str) -> None:
    kodey.mode(answer_seconds=5)
    task = kodey.begin_call("POST", message, json=user_message())
    kodey.control("reset", None)
    kodey.advance(5)

    assert kodey.end(task).status_code == 200
    state = kodey.state()
    assert (state["chats"], state["requests"]) == ([], [])


def test_a_delayed_answer_is_stored_before_it_is_given(kodey: KodeyInProcess, message: str) -> None:
    kodey.faults(fault("delay:3", BELOW))
    task = kodey.begin_call("POST", message, json=user_message())

    assert (task.done(), kodey.messages()) == (False, ANSWERED)
    kodey.advance(3)
    assert kodey.end(task).json()["content"] == ANSWERED[1]


def test_until_the_latency_is_over_nothing_is_done(kodey: KodeyInProcess, message: str) -> None:
    kodey.mode(latency=1, answer_seconds=1)
    task = kodey.begin_call("POST", message, json=user_message())
    assert kodey.messages() == []
    kodey.advance(1)
    assert kodey.messages() == SAID
    kodey.advance(1)
    assert kodey.end(task).status_code == 200


def test_a_late_call_without_a_key_does_nothing(kodey: KodeyInProcess, message: str) -> None:
    kodey.faults(fault("late:2", BELOW))
    assert kodey.attempt("POST", message, json=user_message(), key=None) is None
    kodey.advance(2)

    assert kodey.messages() == []


def test_a_malformed_delete_is_a_200_because_a_204_has_no_content(kodey: KodeyInProcess) -> None:
    path = f"/{kodey.create()['id']}"
    kodey.faults({"method": "DELETE", "path": CHAT + path, "fault": "malformed"})
    reply = kodey.call("DELETE", path)

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert kodey.state()["chats"] == []
