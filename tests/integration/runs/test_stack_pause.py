"""The stack's pause is known to each process within a minute, and a failed read stops nothing."""

import threading
from collections.abc import Callable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.aws.table import Table
from aichats.errors import UnreadableError
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.stack_pause import STACK_PAUSE_KEY, StackPause
from aichats.schedules.pauses import Pauses, PauseWindow
from tests.support.fakes import aws_error
from tests.support.ledgers import NOON, dynamodb
from tests.support.output import Output
from tests.support.waiting import PATIENCE

WINDOW = PauseWindow(NOON, None, "ops", NOON, "too many chats")
SECOND = timedelta(seconds=1)


class Client:
    """DynamoDB, with a count of the reads, and an act before each read or write."""

    def __init__(self) -> None:
        self.reads = 0
        self.before: Callable[[str], object] = lambda _name: None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.before(name)
            self.reads += name == "get_item"
            return getattr(dynamodb(), name)(**request)

        return call


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def pause(ledger: Ledger, client: Client) -> StackPause:
    """The pause as one process knows it."""
    return StackPause(Table(client, ledger.table))


@pytest.fixture
def other(ledger: Ledger) -> StackPause:
    """The pause as another process knows it."""
    return StackPause(ledger.items)


def fail(*names: str) -> Callable[[str], None]:
    def before(name: str) -> None:
        if name in names:
            raise aws_error("InternalServerError", "down")

    return before


def begin(pause: StackPause) -> None:
    pause.change(lambda pauses: pauses.add(WINDOW, NOON), NOON)


def end(pause: StackPause) -> None:
    pause.change(lambda pauses: pauses.resumed(NOON + SECOND, "zoe"), NOON + SECOND)


def test_a_stack_that_was_never_paused_is_not_paused(pause: StackPause) -> None:
    assert pause.current(NOON) is None


def test_the_process_that_pauses_knows_at_once(pause: StackPause) -> None:
    assert pause.current(NOON) is None
    begin(pause)
    assert pause.current(NOON) == WINDOW
    end(pause)
    assert pause.current(NOON + SECOND) is None


def test_other_processes_know_after_twenty_seconds_and_read_only_then(
    pause: StackPause, other: StackPause, client: Client
) -> None:
    assert pause.current(NOON) is None
    begin(other)
    assert pause.current(NOON + 19 * SECOND) is None
    assert client.reads == 1
    assert pause.current(NOON + 20 * SECOND) == WINDOW
    assert client.reads == 2


def test_while_it_is_paused_other_processes_know_after_a_second_that_it_was_resumed(
    pause: StackPause, other: StackPause
) -> None:
    begin(other)
    assert pause.current(NOON) == WINDOW
    end(other)
    assert pause.current(NOON + SECOND) is None


def test_a_clock_that_was_set_back_keeps_no_old_value(pause: StackPause, other: StackPause) -> None:
    assert pause.current(NOON + timedelta(hours=1)) is None
    begin(other)
    assert pause.current(NOON) == WINDOW


def test_a_failed_read_keeps_what_is_known_and_is_logged_and_counted(
    pause: StackPause, client: Client, output: Output
) -> None:
    client.before = fail("get_item")
    assert pause.current(NOON) is None
    client.before = fail()
    begin(pause)
    client.before = fail("get_item")
    assert pause.current(NOON + 20 * SECOND) == WINDOW
    assert output.counted("StackPauseUnread") == 2
    [line, _] = output.logs
    assert (line["level"], line["message"]) == ("WARNING", "stack pause not read")
    assert "InternalServerError" in line["reason"]


def test_pauses_of_a_newer_version_stop_nothing_and_the_error_says_what_to_do(
    pause: StackPause, ledger: Ledger
) -> None:
    ledger.items.overwrite([{"run_id": STACK_PAUSE_KEY, "pauses": '[{"beginning": 1}]'}])
    assert pause.current(NOON) is None
    for act in (pause.read, lambda: begin(pause)):
        with pytest.raises(UnreadableError, match="Delete the item stack:pause"):
            act()


def test_of_two_changes_at_once_both_are_kept(pause: StackPause, other: StackPause, client: Client) -> None:
    second = replace(WINDOW, begins=NOON + timedelta(days=1))

    def meanwhile(name: str) -> None:
        if name == "update_item":
            client.before = fail()
            begin(other)

    client.before = meanwhile
    assert pause.change(lambda pauses: pauses.add(second, NOON), NOON) == Pauses((WINDOW, second))
    assert other.read() == Pauses((WINDOW, second))


def test_a_change_that_changes_nothing_writes_nothing(pause: StackPause, client: Client) -> None:
    client.before = fail("update_item", "put_item")
    assert pause.change(lambda pauses: pauses, NOON) == Pauses()


# ---------------------------------------------------------------------------------------------- in the init phase


def test_the_early_read_does_not_hold_up_the_init_phase_and_the_first_call_waits_for_it(
    pause: StackPause, other: StackPause, client: Client
) -> None:
    begin(other)
    released = threading.Event()
    client.before = lambda _name: released.wait(PATIENCE)
    pause.read_in_background(NOON)
    released.set()
    assert pause.current(NOON + SECOND) == WINDOW
    assert client.reads == 1


def test_an_early_read_that_is_old_is_not_used(pause: StackPause, other: StackPause) -> None:
    pause.read_in_background(NOON)
    begin(other)
    assert pause.current(NOON + timedelta(minutes=5)) == WINDOW


def test_an_early_read_that_fails_stops_nothing(pause: StackPause, client: Client, output: Output) -> None:
    client.before = fail("get_item")
    pause.read_in_background(NOON)
    assert pause.current(NOON) is None
    assert output.counted("StackPauseUnread") == 1


def test_a_read_holds_up_no_other(pause: StackPause, other: StackPause, client: Client) -> None:
    begin(other)
    inner: list[PauseWindow | None] = []

    def meanwhile(_name: str) -> None:
        client.before = fail()
        inner.append(pause.current(NOON))

    client.before = meanwhile
    assert [pause.current(NOON), *inner] == [WINDOW, WINDOW]
