"""`aichats events listen`: each event once, whatever the network does."""

import json
from collections.abc import Callable, Iterator
from copy import replace
from io import StringIO

import httpx
import pytest

from aichats_cli.event_feed import PAUSE_SECONDS, REMEMBERED
from aichats_cli.main import main
from aichats_cli.system import System
from tests.integration.cli.test_events import store
from tests.support.cli import Cli, Result, Terminal

HOOK = "http://127.0.0.1:8000/hook"


class Listener:
    """`aichats events listen` on a stack in memory. Each wait of the command performs the next step of the test.

    After the last step, Ctrl-C is pressed.
    """

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.forwarded: list[httpx.Request] = []
        self.receiver: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(204)
        self.failures: Iterator[Callable[[], httpx.Response | None]] = iter(())

    def __call__(self, *arguments: str, steps: tuple[Callable[[], object], ...] = (), terminal: bool = False) -> Result:
        out, err = (Terminal(), Terminal()) if terminal else (StringIO(), StringIO())
        left = iter(steps)

        def sleep(seconds: float) -> None:
            self.cli.stack.clock.forward(seconds=seconds)
            if seconds == PAUSE_SECONDS:
                step = next(left, None)
                if step is None:
                    raise KeyboardInterrupt
                step()

        transport = httpx.MockTransport(self._answer)
        machine: System = replace(self.cli.system(StringIO(), out, err), sleep=sleep, transport=transport)
        return Result(main(("events", "listen", *arguments), machine), out.getvalue(), err.getvalue())

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) == HOOK:
            self.forwarded.append(request)
            return self.receiver(request)
        failure = next(self.failures, None)
        answer = failure() if failure else None
        return answer or self.cli.answer(request)

    def fail(self, *failures: Callable[[], httpx.Response | None]) -> Callable[[], None]:
        """Return a step after which the next requests fail."""

        def step() -> None:
            self.failures = iter(failures)

        return step


@pytest.fixture
def listen(cli: Cli) -> Listener:
    return Listener(cli)


def cut() -> httpx.Response:
    raise httpx.ConnectError("No route to host")


def test_events_are_printed_as_they_come_and_ctrl_c_ends_with_0(cli: Cli, listen: Listener) -> None:
    store(cli, "before")
    cli.stack.clock.forward(minutes=2)

    heard = listen(
        steps=(
            lambda: store(cli, "a", automation="weekly", target="biz_A", run_id="a" * 32),
            lambda: None,
            lambda: store(cli, "b", "connection.broken", connection="agency", reason="revoked"),
        )
    )

    assert heard.code == 0
    assert [" ".join(line.split()) for line in heard.out.splitlines()] == [
        f"13:02:01 run.failed weekly biz_A {'a' * 32}",
        "13:02:04 connection.broken agency revoked",
    ]
    assert heard.err == "Listening to AICHATS_URL (https://api.example). Press Ctrl-C to end.\n"


def test_json_is_a_line_for_each_event_as_receivers_get_it(cli: Cli, listen: Listener) -> None:
    store(cli, "a", ago=5, automation="Zoë")
    store(cli, "b", ago=4, automation="weekly")

    lines = listen("-o", "json").out.splitlines()

    assert [json.loads(line)["data"]["automation"] for line in lines] == ["Zoë", "weekly"]
    assert [json.loads(line)["id"] for line in lines] == listen("-o", "name", "--since", "1m").out.splitlines()
    assert listen("-o", "yaml", "--since", "1m").out.count("---\n") == 2


def test_since_begins_with_earlier_events(cli: Cli, listen: Listener) -> None:
    store(cli, "a")
    cli.stack.clock.forward(hours=2)
    store(cli, "b")

    assert len(listen("-o", "name", "--since", "1h").out.splitlines()) == 1


def test_an_event_that_comes_late_or_twice_is_printed_once(cli: Cli, listen: Listener) -> None:
    heard = listen(
        "-o",
        "name",
        steps=(
            lambda: store(cli, "new"),
            lambda: store(cli, "older", ago=3),
            lambda: store(cli, "hours late", ago=7200),
            lambda: store(cli, "next"),
        ),
    )

    names = heard.out.splitlines()
    assert len(names) == 4
    assert len({*names}) == 4


def test_only_the_wanted_types_are_printed(cli: Cli, listen: Listener) -> None:
    for type_ in ("run.failed", "run.succeeded", "automation.created"):
        store(cli, type_, type_, automation="weekly")

    lines = listen("--type", "run.failed,automation.*", "-o", "json").out.splitlines()

    assert {json.loads(line)["type"] for line in lines} == {"run.failed", "automation.created"}


def test_all_events_are_printed_if_there_are_more_than_a_page(cli: Cli, listen: Listener) -> None:
    for number in range(120):
        store(cli, str(number), ago=10 - number / 100)

    assert len(listen("-o", "name", "--since", "1h").out.splitlines()) == 120


@pytest.mark.parametrize(
    "failure",
    [
        cut,
        lambda: httpx.Response(503),
        lambda: httpx.Response(502, text="<html>Bad gateway</html>"),
        lambda: httpx.Response(429, json={"type": "x#throttled", "detail": "slow down"}),
    ],
)
def test_it_continues_after_the_network_was_cut_and_misses_nothing(
    cli: Cli, listen: Listener, failure: Callable[[], httpx.Response]
) -> None:
    heard = listen(
        "-o",
        "name",
        steps=(
            listen.fail(*[failure] * 12),
            lambda: store(cli, "during"),
            lambda: None,
            *[lambda: None] * 12,
            lambda: store(cli, "after"),
        ),
    )

    assert heard.code == 0
    assert len(heard.out.splitlines()) == 2
    notes = heard.err.splitlines()[1:]
    assert len(notes) == 2
    assert notes[0].endswith("Trying again …")
    assert notes[1] == "Connected again. Events of the meantime follow."


def test_a_stack_that_cannot_be_reached_at_the_beginning_is_an_error(listen: Listener) -> None:
    listen.failures = iter([cut] * 4)

    heard = listen()

    assert heard.code == 1
    assert "can't reach https://api.example" in heard.err


def test_a_token_that_is_revoked_meanwhile_ends_it(cli: Cli, listen: Listener) -> None:
    def revoke() -> None:
        cli.interfere = lambda _: httpx.Response(401, json={"type": "x#unauthorized", "detail": "the token is unknown"})

    heard = listen(steps=(revoke,))

    assert heard.code == 1
    assert "the token is unknown" in heard.err


def test_the_ids_of_past_events_are_forgotten(cli: Cli, listen: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aichats_cli.event_feed.REMEMBERED", 3)
    for number in range(20):
        store(cli, str(number), ago=9)

    assert len(listen("-o", "name").out.splitlines()) == 20
    assert REMEMBERED > 1000


# ---------------------------------------------------------------------------------------------- forward


def test_each_event_is_forwarded_as_it_is_and_the_answer_is_shown(cli: Cli, listen: Listener) -> None:
    store(cli, "a", automation="weekly")

    heard = listen("--forward-to", HOOK, "-o", "json")

    [request] = listen.forwarded
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == json.loads(heard.out)
    assert "authorization" not in request.headers
    assert heard.err.splitlines()[-1] == "  → 204 No Content"


def test_a_receiver_that_fails_ends_nothing(cli: Cli, listen: Listener) -> None:
    answers: Iterator[Callable[[], httpx.Response]] = iter(
        [cut, lambda: httpx.Response(500), lambda: httpx.Response(200)]
    )
    listen.receiver = lambda _: next(answers)()
    for name in "abc":
        store(cli, name)

    heard = listen("--forward-to", HOOK)

    assert heard.code == 0
    assert heard.err.splitlines()[1:] == [
        "  → not delivered: No route to host",
        "  → 500 Internal Server Error",
        "  → 200 OK",
    ]


def test_a_url_that_is_none_is_an_error_of_usage(listen: Listener) -> None:
    assert listen("--forward-to", "127.0.0.1:8000").code == 2
