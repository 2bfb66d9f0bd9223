"""Events reach a receiver through the whole system, beside receivers that misbehave in all ways."""

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aichats.aws.clients import converting
from aichats.aws.table import Table
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run, run_id
from aichats.subscriptions.model import Subscription
from aichats.subscriptions.table import SubscriptionTable
from benchmarks.certificates import make_certificate
from benchmarks.chaotic.receivers import hang
from benchmarks.raw_server import Behavior, Connection, serving
from local.system import System
from tests.support.actions import whop_create_chat
from tests.support.small_internet import response
from tests.support.waiting import until

RUNS = 10


def answering(answer: bytes) -> Behavior:
    def answer_all(connection: Connection) -> None:
        while connection.read_request():
            connection.send(answer)

    return answer_all


def drip(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 500 .\r\ncontent-length: 1000000\r\n\r\n")
    connection.drip(b"x")


def hang_up(connection: Connection) -> None:
    connection.read_request()


BAD: dict[str, Behavior] = {
    "hangs": hang,
    "hangs-before-the-request": Connection.wait,
    "hangs-up": hang_up,
    "drips": drip,
    "drips-headers": lambda connection: connection.drip(b"x: y\r\n"),
    "fails": answering(response(500, b"out of order")),
    "gone": answering(response(410)),
    "redirects": answering(response(302, location="http://169.254.169.254/")),
    "huge": answering(b"HTTP/1.1 500 .\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 1_000_000),
    "rubbish": answering(b"\x00\xff\r\n\r\n"),
}


@pytest.fixture
def subscriptions(system: System) -> Iterator[SubscriptionTable]:
    """The subscriptions of the system, whose function may call receivers on this machine. None are left afterwards."""
    clients = system.emulator.clients
    function = system.stack.resources["DeliverEventsFunction"]
    variables = clients.functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    clients.functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {**variables, "LOOPBACK_RECEIVERS": "allowed"}}
    )
    table = SubscriptionTable(Table(converting(clients.dynamodb), system.stack.outputs["EventsTable"], "pk", "sk"))
    yield table
    for row in table.list():
        table.delete(row.name)


def end_runs(system: System, *names: str) -> list[str]:
    """Store runs that failed. Return their ids."""
    ledger = Ledger(
        converting(system.emulator.clients.dynamodb), system.stack.outputs["RunsTable"], timedelta(minutes=1)
    )
    action = whop_create_chat(message_text="How was the week?")
    runs = [Run(run_id("http", name, str(datetime.now(UTC))), "http", action, "biz_A") for name in names]
    ledger.add_ended([(run, {"type": "E", "message": "no"}) for run in runs], "failed")
    return [run.run_id for run in runs]


def test_a_receiver_that_works_gets_every_event_beside_twelve_that_do_not(
    system: System, subscriptions: SubscriptionTable, tmp_path: Path
) -> None:
    received: list[str] = []

    def accept(connection: Connection) -> None:
        while body := connection.read_body():
            received.append(json.loads(body)["data"]["run_id"])
            connection.send(response(204))

    _, unknown_certificate = make_certificate(tmp_path)
    with ExitStack() as servers:

        def subscribe(name: str, behavior: Behavior, tls: ssl.SSLContext | None = None) -> None:
            url = servers.enter_context(serving(behavior, tls)).base_url
            subscriptions.put(name, Subscription(url=url, events=["run.failed"]))

        for name, behavior in BAD.items():
            subscribe(name, behavior)
        subscribe("untrusted", answering(response(200)), unknown_certificate)
        subscriptions.put("private", Subscription(url="https://10.0.0.7/", events=["run.failed"]))
        subscribe("works", accept)

        expected = end_runs(system, *map(str, range(RUNS)))
        until(lambda: set(received) >= set(expected))

        failing = until(lambda: _failing(subscriptions) if len(_failing(subscriptions)) == len(BAD) + 2 else {})
        assert "works" not in failing
        assert "did not answer within" in failing["hangs"]
        assert failing["fails"].endswith("answered 500: out of order")
        assert "redirect" in failing["redirects"]
        assert "not public" in failing["private"]
        assert "certificate" in failing["untrusted"]


def _failing(subscriptions: SubscriptionTable) -> dict[str, str]:
    return {row.name: row.last_error for row in subscriptions.list() if row.last_error}
