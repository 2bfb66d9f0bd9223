"""The faults of the mock of Kodey over real sockets, as a client sees them, above all during an answer."""

import logging
from collections.abc import Iterator

import httpx
import pytest

from local.plain_http import plain_client
from tests.support.mock_servers import CHAT, CUT, KEY, NEVER_SECONDS, MockServer, running_kodey, user_message
from tests.support.waiting import until

DEADLINE_SECONDS = 30
SAID, ANSWERED = ["hello"], ["hello", "You said: hello"]


@pytest.fixture(scope="module")
def running() -> Iterator[MockServer]:
    with running_kodey() as mock:
        yield mock


@pytest.fixture
def kodey(running: MockServer) -> MockServer:
    running.reset()
    return running


@pytest.fixture
def client(kodey: MockServer) -> Iterator[httpx.Client]:
    with client_of(kodey) as client:
        yield client


@pytest.fixture
def message(client: httpx.Client) -> str:
    """Create a chat, and return the path of its messages."""
    return new_message(client)


def client_of(kodey: MockServer) -> httpx.Client:
    return plain_client(base_url=kodey.base_url, headers={"x-api-key": KEY}, timeout=DEADLINE_SECONDS)


def new_message(client: httpx.Client) -> str:
    chat = client.post(CHAT, json={"agentId": "agent_support"}).raise_for_status().json()
    return f"{CHAT}/{chat['id']}/message"


def arm(kodey: MockServer, fault: str, path: str = f"{CHAT}/*", method: str = "POST") -> None:
    kodey.faults({"method": method, "path": path, "fault": fault})


def messages(kodey: MockServer) -> list[str]:
    (chat,) = kodey.state()["chats"]
    return [message["content"] for message in chat["messages"]]


def give_up(client: httpx.Client, message: str) -> None:
    """Send a message, and wait for its answer no longer than 0.2 s."""
    with pytest.raises(httpx.ReadTimeout):
        client.post(message, json=user_message(), timeout=httpx.Timeout(DEADLINE_SECONDS, read=0.2))


@pytest.mark.parametrize(("fault", "said"), [("drop_before", []), ("drop_after", ANSWERED)])
def test_a_dropped_connection_is_aborted_silently(
    kodey: MockServer, client: httpx.Client, message: str, fault: str, said: list[str]
) -> None:
    arm(kodey, fault)
    with pytest.raises(CUT):
        client.post(message, json=user_message())

    assert messages(kodey) == said


def test_a_create_that_is_dropped_after_is_found_by_its_user(kodey: MockServer, client: httpx.Client) -> None:
    arm(kodey, "drop_after", CHAT)
    with pytest.raises(CUT):
        client.post(CHAT, json={"agentId": "agent_support", "userId": "of-this-run"})

    (chat,) = client.get(CHAT, params={"userId": "of-this-run"}).json()["chats"]
    assert chat["id"] == kodey.state()["chats"][0]["id"]


def test_a_late_message_is_aborted_at_once_and_not_there_yet(
    kodey: MockServer, client: httpx.Client, message: str
) -> None:
    arm(kodey, f"late:{NEVER_SECONDS}")
    with pytest.raises(CUT):
        client.post(message, json=user_message())

    assert messages(kodey) == []


def test_a_late_message_is_there_and_answered_in_the_end(kodey: MockServer, client: httpx.Client, message: str) -> None:
    arm(kodey, "late:0.1")
    with pytest.raises(CUT):
        client.post(message, json=user_message())

    assert until(lambda: messages(kodey) == ANSWERED)


def test_a_client_that_gives_up_leaves_its_message(kodey: MockServer, client: httpx.Client, message: str) -> None:
    kodey.mode(answer_seconds=NEVER_SECONDS)
    give_up(client, message)

    assert until(lambda: messages(kodey) == SAID)


def test_the_answer_comes_although_no_client_waits_for_it(
    kodey: MockServer, client: httpx.Client, message: str
) -> None:
    kodey.mode(answer_seconds=0.5)
    give_up(client, message)

    assert until(lambda: messages(kodey) == ANSWERED)


def test_a_delayed_answer_is_stored_already(kodey: MockServer, client: httpx.Client, message: str) -> None:
    arm(kodey, f"delay:{NEVER_SECONDS}")
    give_up(client, message)

    assert until(lambda: messages(kodey) == ANSWERED)


def test_a_delete_has_no_content_but_when_it_is_malformed(kodey: MockServer, client: httpx.Client) -> None:
    chats = [new_message(client).removesuffix("/message") for _ in range(2)]
    arm(kodey, "malformed", chats[1], "DELETE")
    replies = [client.delete(chat) for chat in chats]

    assert [(reply.status_code, bool(reply.content)) for reply in replies] == [(204, False), (200, True)]
    assert kodey.state()["chats"] == []


def test_cuts_and_clients_that_go_away_are_no_errors_in_the_servers_log(caplog: pytest.LogCaptureFixture) -> None:
    with running_kodey() as kodey, client_of(kodey) as client:
        message = new_message(client)
        for fault in ("drop_before", "drop_after", f"late:{NEVER_SECONDS}"):
            arm(kodey, fault)
            with pytest.raises(CUT):
                client.post(message, json=user_message())
        kodey.mode(answer_seconds=NEVER_SECONDS)
        give_up(client, message)
        assert until(lambda: messages(kodey) == [*ANSWERED, *SAID])

    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
