"""The newest of two changes of a chat's field wins, even if the older one is performed last."""

import json
from collections.abc import Callable
from copy import copy, replace
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from aichats.aws.errors import NoResponseError
from aichats.runs.action import Action
from aichats.runs.ledger.changes import Changes
from aichats.runs.perform import Outcome
from aichats.runs.providers.port import NotYetError, SupersededError
from tests.support.actions import whop_create_chat, whop_update_chat
from tests.support.fakes import ai_chat, error_response, ok
from tests.support.ledgers import LEASE, SETTLE, make_run
from tests.support.whop_bench import WhopBench

CHAT = ok(ai_chat(id="aich_1"))
THROTTLED = error_response(429)


def change(**fields: Any) -> Action:
    return whop_update_chat(**fields)


MUTE, UNMUTE = change(notification_preference="none"), change(notification_preference="all")


def opened(*actions: Action) -> list[WhopBench]:
    """Runs that are to change one chat, each opened a second after the one before."""
    bench, benches = WhopBench(), []
    for number, action in enumerate(actions):
        another = copy(bench)
        another.run = make_run(f"change {number}", action=action, target="aich_1")
        bench.clock.forward(seconds=1)
        bench.ledger.add([another.run], lambda _: bench.clock.now)
        benches.append(another)
    return benches


def opened_after(bench: WhopBench) -> list[WhopBench]:
    """Return a run that is opened now."""
    another = copy(bench)
    another.run = make_run("newest", action=MUTE, target="aich_1")
    bench.clock.forward(seconds=1)
    return [another]


def sent(bench: WhopBench) -> list[Any]:
    return bench.whop.bodies


def test_an_older_change_that_had_to_wait_does_not_undo_a_newer_one(capsys: pytest.CaptureFixture[str]) -> None:
    mute, unmute = opened(MUTE, UNMUTE)
    mute.perform(THROTTLED)
    unmute.perform(CHAT)
    sent_before = len(unmute.whop.requests)

    outcome = mute.perform_when_due()

    assert (outcome.state, len(mute.whop.requests)) == ("failed", sent_before)
    error = mute.row.error
    assert error is not None
    assert error["type"] == "SupersededError"
    assert error["message"] == f"superseded by run {unmute.run.run_id}, which changed the same chat later"
    assert "RunsFailed" not in capsys.readouterr().out


def test_a_newer_change_is_performed_after_an_older_one() -> None:
    mute, unmute = opened(MUTE, UNMUTE)

    assert mute.perform(CHAT).state == "succeeded"
    assert unmute.perform(CHAT).state == "succeeded"


def test_a_run_that_is_replayed_is_the_newest() -> None:
    mute, unmute = opened(MUTE, UNMUTE)
    mute.perform(error_response(403))
    unmute.perform(CHAT)
    mute.clock.forward(seconds=1)
    mute.ledger.steering.replay(mute.run.run_id)

    assert mute.perform(CHAT).state == "succeeded"


def test_a_newer_change_that_failed_supersedes_nothing() -> None:
    mute, unmute = opened(MUTE, UNMUTE)
    unmute.perform(error_response(403))

    assert mute.perform(CHAT).state == "succeeded"


def test_a_newer_change_stays_the_newest_though_a_still_newer_one_failed() -> None:
    mute, unmute, failing = opened(MUTE, UNMUTE, MUTE)
    unmute.perform(CHAT)
    failing.perform(error_response(403))

    assert mute.perform().state == "failed"
    assert unmute.run.run_id in str(mute.row.error)


def test_changes_of_other_fields_do_not_matter() -> None:
    mute, rename = opened(MUTE, change(title="Later"))
    rename.perform(CHAT)

    assert mute.perform(CHAT).state == "succeeded"


def test_a_run_that_had_to_wait_does_not_undo_a_call_that_came_since() -> None:
    mute, rename, later = opened(MUTE, change(title="Week"), MUTE)
    mute.perform(THROTTLED)
    mute.clock.forward(seconds=1)
    Changes(mute.ledger).note("aich_1", ["notification_preference"], "PATCH /chats/aich_1")

    assert mute.perform_when_due().state == "failed"
    assert "superseded by PATCH /chats/aich_1, which" in str(mute.row.error)
    assert rename.perform(CHAT).state == "succeeded"
    assert later.perform().state == "failed"
    [newest] = opened_after(mute)
    assert newest.perform(CHAT).state == "succeeded"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_call_that_is_noted_while_an_older_run_takes_the_chat_is_not_undone(*, is_there: bool) -> None:
    *before, mute = opened(*([change(title="Week")] if is_there else []), MUTE)
    for rename in before:
        rename.perform(CHAT)
    row = mute.ledger.claim(mute.run, LEASE)
    mute.clock.forward(seconds=1)
    note = partial(Changes(mute.ledger).note, "aich_1", ["notification_preference"], "PATCH /chats/aich_1")
    changes = Changes(replace(mute.ledger, client=AfterGet(mute.ledger.client, "latest:aich_1", note)))

    with pytest.raises(NotYetError):
        changes.take(row, "aich_1", ["notification_preference"])
    with pytest.raises(SupersededError):
        changes.take(row, "aich_1", ["notification_preference"])


def test_a_call_that_is_noted_while_a_run_takes_the_chat_keeps_its_place() -> None:
    [mute] = opened(MUTE)
    row = mute.ledger.claim(mute.run, LEASE)
    mute.clock.forward(seconds=1)
    take = partial(Changes(mute.ledger).take, row, "aich_1", ["notification_preference"])
    changes = Changes(replace(mute.ledger, client=AfterGet(mute.ledger.client, "latest:aich_1", take)))

    changes.note("aich_1", ["notification_preference"], "PATCH /chats/aich_1")

    with pytest.raises(SupersededError):
        take()


class AfterGet:
    """DynamoDB where something happens right after an item was read for the first time."""

    def __init__(self, client: Any, key: str, happens: Callable[[], object]) -> None:
        self._client, self._key, self._happens = client, key, [happens]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            answer = getattr(self._client, name)(**request)
            if name == "get_item" and request["Key"]["run_id"]["S"] == self._key and self._happens:
                self._happens.pop()()
            return answer

        return call


@pytest.mark.parametrize("is_there", [True, False])
def test_a_call_whose_place_cannot_be_noted_is_made_all_the_same(
    caplog: pytest.LogCaptureFixture, *, is_there: bool
) -> None:
    [mute] = opened(MUTE)
    if is_there:
        mute.perform(CHAT)
    down = Counting(mute.ledger.client, [], raises=NoResponseError("the connection was closed"))

    Changes(replace(mute.ledger, client=down)).note("aich_1", ["title"], "PATCH /chats/aich_1")

    assert caplog.messages[-1] == "change not noted"


def test_of_several_fields_only_those_are_changed_that_no_newer_run_changed() -> None:
    both, unmute = opened(change(title="Week", notification_preference="none"), UNMUTE)
    unmute.perform(CHAT)

    assert both.perform(CHAT).state == "succeeded"
    assert sent(both) == [{"notification_preference": "all"}, {"title": "Week"}]


@pytest.mark.parametrize("first", [0, 1])
def test_while_one_change_may_be_running_another_waits(first: int) -> None:
    benches = opened(MUTE, UNMUTE)
    one, other = benches[first], benches[1 - first]
    outcomes: list[Outcome] = []

    def meanwhile(_request: httpx.Request) -> httpx.Response:
        script, other.whop.script = other.whop.script, []
        outcomes.append(other.performer.perform(other.run, LEASE))
        other.whop.script = script
        return CHAT

    assert one.perform(meanwhile).state == "succeeded"

    assert [outcome.state for outcome in outcomes] == ["waiting"]
    assert len(one.whop.requests) == 1
    steps = [CHAT] if first == 0 else []
    assert other.perform_when_due(*steps).state == ("succeeded" if first == 0 else "failed")


UNSURE: list[httpx.Response | Exception] = [httpx.ReadTimeout("slow"), error_response(500)]


@pytest.mark.parametrize("failure", UNSURE, ids=["slow", "down"])
def test_a_call_of_unknown_outcome_is_waited_for_until_it_cannot_land_any_more(
    failure: httpx.Response | Exception,
) -> None:
    mute, unmute = opened(MUTE, UNMUTE)
    mute.perform(failure)

    outcome = unmute.perform()

    assert (outcome.state, outcome.row.due_at) == ("waiting", mute.clock.now + SETTLE)
    assert unmute.perform_when_due(CHAT).state == "succeeded"


def test_a_newer_change_waits_for_the_settle_time_even_if_the_older_run_succeeded_since() -> None:
    mute, unmute = opened(MUTE, UNMUTE)
    mute.perform(httpx.ReadTimeout("slow"))
    mute.perform_when_due(CHAT)

    assert (unmute.perform().state, unmute.row.due_at) == ("waiting", mute.clock.now + SETTLE)
    assert unmute.perform_when_due(CHAT).state == "succeeded"


def test_a_process_that_died_is_waited_for_until_its_call_cannot_land_any_more() -> None:
    mute, unmute = opened(MUTE, UNMUTE)

    def die(_request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mute.perform(die)
    mute.clock.now += LEASE + SETTLE - timedelta(seconds=1)
    assert unmute.perform().state == "waiting"
    mute.clock.forward(seconds=2)

    assert unmute.perform_when_due(CHAT).state == "succeeded"
    assert mute.perform().state == "failed"


def test_the_end_of_a_timed_mute_still_ends_it() -> None:
    mute, unmute = opened(MUTE, UNMUTE)
    mute.perform(CHAT)
    mute.clock.forward(hours=1)

    assert unmute.perform(CHAT).state == "succeeded"
    assert sent(mute) == [{"notification_preference": "none"}, {"notification_preference": "all"}]


def a_new_chat(**fields: Any) -> WhopBench:
    """Return a run whose chat was created and whose change after the create was throttled."""
    bench = WhopBench(make_run(action=whop_create_chat(**{"message_text": "?"} | fields)))
    bench.perform(CHAT, THROTTLED)
    bench.clock.forward(seconds=1)
    return bench


def beside(bench: WhopBench, action: Action) -> WhopBench:
    another = copy(bench)
    another.run = make_run("later", action=action, target="aich_1")
    return another


@pytest.mark.parametrize(
    ("later", "left"),
    [
        (UNMUTE, {"title": "Week"}),
        (change(title="Mine"), {"notification_preference": "none"}),
        (change(title="Mine", notification_preference="all"), None),
    ],
)
def test_what_completes_a_new_chat_does_not_undo_a_change_that_came_since(
    later: Action, left: dict[str, str] | None
) -> None:
    create = a_new_chat(title="Week", notification_preference="none")
    beside(create, later).perform(CHAT)
    create.whop.requests.clear()

    assert create.perform_when_due(CHAT).state == "succeeded"
    assert create.whop.bodies == [left]


def test_a_change_costs_one_write_besides_those_of_its_row() -> None:
    [mute] = opened(MUTE)
    row, writes = mute.ledger.claim(mute.run, LEASE), list[str]()

    Changes(replace(mute.ledger, client=Counting(mute.ledger.client, writes))).take(row, "aich_1", ["title"])

    assert writes == ["latest:aich_1"]


class Counting:
    """DynamoDB that notes the key of each UpdateItem, or fails at it."""

    def __init__(self, client: Any, writes: list[str], raises: Exception | None = None) -> None:
        self._client, self._writes, self._raises = client, writes, raises

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            if self._raises is not None:
                raise self._raises
            if name == "update_item":
                self._writes.append(request["Key"]["run_id"]["S"])
            return getattr(self._client, name)(**request)

        return call


def test_the_item_of_a_chat_contains_no_text() -> None:
    [rename] = opened(change(title="A secret title"))

    rename.perform(CHAT)

    item = rename.ledger.client.get_item(TableName=rename.ledger.table, Key={"run_id": {"S": "latest:aich_1"}})
    assert "secret" not in json.dumps(item["Item"])
