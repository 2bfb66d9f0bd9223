"""The faults of the benchmark of events: the bus, the subscriber, and the receivers that misbehave."""

import base64
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from benchmarks.chaotic.bus import Bus
from benchmarks.chaotic.outbox import FIRST_CALLS, WATCH_SECONDS, Deaths, hurried
from benchmarks.chaotic.proxy import Call, Fate
from benchmarks.chaotic.receivers import Receivers, misbehaving
from benchmarks.chaotic.subscriber import Subscriber
from benchmarks.loopback import Handler, Server
from benchmarks.raw_server import DRIP_SECONDS
from local.plain_http import plain_client
from tests.support.waiting import PATIENCE

CALL = Call("POST", "/", {}, b"{}")
SEED = 1
CALLS = 100
PER_CALL = 4
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
HEADERS = {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}


class Upstream(Server):
    """A mock of EventBridge that accepts everything."""

    def __init__(self) -> None:
        super().__init__(_Accepting)
        self.accepted: list[str] = []
        self.lock = Lock()


class _Accepting(Handler):
    server: Upstream

    def respond(self) -> None:
        """Accept all events of a call."""
        entries = json.loads(self.body())["Entries"]
        with self.server.lock:
            self.server.accepted += [entry["Detail"] for entry in entries]
        results = [{"EventId": f"accepted {entry['Detail']}"} for entry in entries]
        self.answer(200, json.dumps({"FailedEntryCount": 0, "Entries": results}).encode(), {})


def put(client: httpx.Client, url: str, details: list[str]) -> list[dict[str, str]] | None:
    """Return the results of the events of a call; ``None`` if the call failed."""
    try:
        answer = client.post(url, json={"Entries": [{"Detail": each} for each in details]})
    except httpx.TransportError:
        return None
    if not answer.is_success:
        return None
    results: list[dict[str, str]] = answer.json()["Entries"]
    assert answer.json()["FailedEntryCount"] == sum("ErrorCode" in each for each in results)
    return results


def test_the_bus_fails_in_whole_in_part_and_without_an_answer_and_never_claims_an_event_that_it_did_not_take() -> None:
    with Upstream() as upstream, plain_client() as client:
        url = f"http://127.0.0.1:{upstream.server_port}"
        with Bus(url, lambda _call: Fate(), share=0.5, seed=SEED) as bus:
            sent = [[f"{call}.{number}" for number in range(PER_CALL)] for call in range(CALLS)]
            results = [put(client, bus.url, details) for details in sent]
    answered = {
        detail: result.get("EventId")
        for details, each in zip(sent, results, strict=True)
        for detail, result in zip(details, each or [{}] * PER_CALL, strict=True)
    }
    claimed = {detail for detail, event_id in answered.items() if event_id}
    assert all(answered[detail] == f"accepted {detail}" for detail in claimed)
    assert claimed < set(upstream.accepted) < set(answered)
    assert {None, 0, 1, 2, 3} <= {each and sum("ErrorCode" in result for result in each) for each in results}
    assert 0 < bus.refused < CALLS


def test_a_bus_without_faults_forwards_all_calls() -> None:
    with Upstream() as upstream:
        bus = Bus(f"http://127.0.0.1:{upstream.server_port}", lambda _call: Fate(), share=0, seed=SEED)
        with bus, plain_client() as client:
            assert put(client, bus.url, ["a"]) == [{"EventId": "accepted a"}]
    assert bus.refused == 0


def test_one_of_the_first_calls_is_killed_even_if_kills_are_rare_and_none_without_faults() -> None:
    rare, none = Deaths(1e-9, SEED), Deaths(0, SEED)
    assert sum(rare.decide(CALL).kill is not None for _ in range(FIRST_CALLS)) == rare.kills == 1
    assert not any(none.decide(CALL).kill for _ in range(CALLS))


@pytest.mark.parametrize(
    ("kind", "delay", "shortened"),
    [("watch", 600, WATCH_SECONDS), ("watch", 1, 1), ("delivery", 600, 600)],
)
def test_only_the_pauses_of_watches_are_shortened(kind: str, delay: int, shortened: int) -> None:
    message = {"Id": "1", "MessageBody": json.dumps({"kind": kind})}
    assert hurried({**message, "DelaySeconds": delay}) == {**message, "DelaySeconds": shortened}


# ---- the subscriber


def test_a_subscriber_keeps_deliveries_and_counts_those_without_a_valid_signature() -> None:
    now = datetime.now(UTC)
    signed = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("evt_1", now, "{}"),
    }
    with Subscriber() as subscriber, plain_client() as client:
        subscriber.secret = SECRET
        statuses = [client.post(subscriber.url, content=b"{}", headers=each).status_code for each in (signed, HEADERS)]
    assert statuses == [204, 204]
    assert [(each.id, each.body) for each in subscriber.heard().deliveries] == [("evt_1", b"{}")] * 2
    assert (subscriber.requests, subscriber.failed, subscriber.unsigned) == (2, 0, 1)


@pytest.mark.parametrize("sent", [b"", b"{"])
def test_a_subscriber_does_not_keep_a_delivery_whose_sender_ends_within_the_request(sent: bytes) -> None:
    with Subscriber() as subscriber:
        subscriber.secret = SECRET
        with socket.create_connection(("127.0.0.1", subscriber.server_port)) as connected:
            connected.sendall(b"POST / HTTP/1.1\r\nwebhook-id: evt_1\r\ncontent-length: 2\r\n\r\n" + sent)
            connected.shutdown(socket.SHUT_WR)
            assert connected.recv(1) == b""
    assert (subscriber.requests, subscriber.unsigned, subscriber.heard().deliveries) == (1, 0, ())


def test_a_failing_subscriber_answers_nothing_or_an_error_and_keeps_some_deliveries_nevertheless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The process that it would kill is this one.
    monkeypatch.setattr("benchmarks.chaotic.subscriber.FAILURES", {"unread": 1, "status:500": 1, "unanswered": 1})
    with Subscriber(share=1, seed=SEED) as subscriber, plain_client() as client:
        statuses = {status_of(client, subscriber.url) for _ in range(CALLS)}
    assert statuses == {None, 500}
    assert 0 < len(subscriber.heard().deliveries) < subscriber.failed == CALLS


def status_of(client: httpx.Client, url: str) -> int | None:
    try:
        return client.post(url, content=b"{}", headers=HEADERS).status_code
    except httpx.TransportError:
        return None


# ---- the receivers that misbehave


@pytest.fixture(scope="module")
def receivers() -> Iterator[Receivers]:
    with misbehaving() as running:
        yield running


def outcome(url: str, longest_silence: float = PATIENCE) -> Any:
    """Return the status of an answer, or the kind of error."""
    with httpx.Client(trust_env=False, timeout=httpx.Timeout(PATIENCE, read=longest_silence)) as client:
        try:
            return client.post(url, content=b"{}").status_code
        except httpx.TransportError as error:
            return type(error)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("error-500", 500),
        ("garbage", httpx.RemoteProtocolError),
        ("retry-after-an-hour", 429),
        ("redirect", 307),
        ("closed-port", httpx.ConnectError),
        ("bad-tls", httpx.ConnectError),
    ],
)
def test_a_misbehaving_receiver_does_what_its_name_says(receivers: Receivers, name: str, expected: Any) -> None:
    assert outcome(receivers.urls[name]) == expected


def test_a_receiver_that_closes_at_once_answers_nothing(receivers: Receivers) -> None:
    assert outcome(receivers.urls["closes-at-once"]) in {httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError}


@pytest.mark.parametrize(("name", "status"), [("huge-answer", 500), ("endless-204", 204)])
def test_a_receiver_that_floods_sends_more_than_its_client_wants(receivers: Receivers, name: str, status: int) -> None:
    port = httpx.URL(receivers.urls[name]).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port)) as connected, connected.makefile("rb") as stream:
        connected.sendall(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
        assert stream.readline().split()[1] == str(status).encode()
        assert len(stream.read(2**22)) == 2**22


@pytest.mark.parametrize("name", ["hangs", "slow-drip"])
def test_a_receiver_that_hangs_or_drips_does_not_answer_in_time(receivers: Receivers, name: str) -> None:
    assert outcome(receivers.urls[name], DRIP_SECONDS / 2) is httpx.ReadTimeout


def test_twelve_receivers_misbehave_and_nothing_connects_to_the_private_ones(receivers: Receivers) -> None:
    assert len(receivers.urls) == 12
    assert [each.connections for each in receivers.untouchable.values()] == [0, 0]
