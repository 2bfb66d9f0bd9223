"""The events of automations: each change has exactly one, with the same id however often it is published."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations.change_notes import CHANGE_PREFIX, KEEP_NOTES, UNREADABLE_PREFIX
from aichats.automations.row import RowHeader
from aichats.automations.table import AutomationTable
from aichats.aws.attributes import decode, encode
from aichats.events.model import SentEvent
from aichats.outbox.automation_events import AutomationEvents
from aichats.outbox.stream import ItemChange
from aichats.schedules.pauses import Pauses, PauseWindow
from tests.support.automation_rows import NAME, item, read
from tests.support.automations import ACTION, CRON, RATE, WEBHOOK, automation, make_store, scheduled
from tests.support.fakes import Json
from tests.support.ledgers import NOON, Clock, dynamodb

HOUR = timedelta(hours=1)
HOLIDAYS = PauseWindow(NOON, NOON + 24 * HOUR, "ops", NOON, "holidays")


def note(store: AutomationTable, prefix: str = CHANGE_PREFIX, name: str = NAME) -> Json:
    return decode(item(store, f"{prefix}{name}"))


def event(new: Json, old: Json | None = None) -> SentEvent:
    """Return the event of a note that was written."""
    [entry] = AutomationEvents("stack", "automations").entries(ItemChange(new["name"], old or {}, new))
    assert entry.event is not None
    return entry.event


def last_event(store: AutomationTable) -> SentEvent:
    return event(note(store))


def pause(store: AutomationTable, *windows: PauseWindow) -> None:
    store.change_pauses(NAME, lambda _: Pauses(windows), by="ops")


def spoil(store: AutomationTable) -> None:
    """Make the row one that only a later version can read."""
    dynamodb().put_item(TableName=store.table, Item=item(store) | encode({"definition": "later"}))


def test_each_change_of_an_automation_is_an_event(store: AutomationTable) -> None:
    store.put(NAME, CRON, by="git")
    created = last_event(store)
    store.put(NAME, RATE, by="git")
    changed = last_event(store)
    pause(store, HOLIDAYS)
    paused = last_event(store)
    pause(store)
    resumed = last_event(store)
    store.begin_delete(NAME, by="git")
    deleted = last_event(store)
    store.put(NAME, CRON, by="git")

    events = [created, changed, paused, resumed, deleted, last_event(store)]
    assert [one.type for one in events] == [
        f"automation.{kind}" for kind in ("created", "changed", "paused", "resumed", "deleted", "created")
    ]
    assert [one.data["version"] for one in events] == [1, 2, 2, 2, 2, 3]
    assert [one.data["by"] for one in events] == ["git", "git", "ops", "ops", "git", "git"]
    assert len({one.id for one in events}) == 6


def test_an_event_has_the_version_and_the_labels_but_no_text_of_the_action(store: AutomationTable) -> None:
    definition = {**scheduled(enabled=False), "labels": {"team": "sales"}, "description": "for the sales team"}
    row, _ = store.put(NAME, automation(definition), by="git")

    sent = last_event(store)

    assert sent.envelope == {
        "id": sent.id,
        "type": "automation.created",
        "version": 1,
        "timestamp": "2026-11-20T12:00:00.000Z",
        "stack": "stack",
        "data": {
            "automation": NAME,
            "version": 1,
            "etag": row.etag,
            "by": "git",
            "enabled": False,
            "labels": {"team": "sales"},
            "from": None,
            "until": None,
            "reason": None,
        },
    }
    assert ACTION["message_text"] not in str(note(store))
    assert note(store)["ttl"] == int((NOON + KEEP_NOTES).timestamp())


def test_the_same_definition_again_is_no_event(store: AutomationTable, clock: Clock) -> None:
    store.put(NAME, CRON)
    before = note(store)
    clock.forward(seconds=90)

    store.put(NAME, CRON)
    store.put(NAME, automation(scheduled(timezone="UTC")))

    assert read(store).written == scheduled(timezone="UTC"), "which fields were left out was noted"
    assert note(store) == before


def test_the_marks_of_the_sweep_are_no_events(store: AutomationTable, clock: Clock) -> None:
    row, _ = store.put(NAME, CRON)
    before = note(store)
    clock.forward(hours=1)

    store.mark_checked([row], clock.now)
    store.mark_aligned([(read(store), "as it should be")])
    store.finish(read(store))

    assert note(store) == before


def test_a_pause_and_its_end_say_which_pause(store: AutomationTable, clock: Clock) -> None:
    store.put(NAME, WEBHOOK)
    planned = PauseWindow(NOON + 48 * HOUR, None, "ops", NOON)
    pause(store, HOLIDAYS)
    pause(store, HOLIDAYS, planned)
    assert [last_event(store).data[name] for name in ("from", "until", "reason")] == [
        "2026-11-22T12:00:00.000Z",
        None,
        None,
    ]

    clock.forward(hours=2)
    store.change_pauses(NAME, lambda row: row.pauses.resumed(clock.now, "ops"), by="ops")

    sent = last_event(store)
    assert (sent.type, sent.time) == ("automation.resumed", clock.now)
    assert [sent.data[name] for name in ("from", "until", "reason")] == [
        "2026-11-20T12:00:00.000Z",
        "2026-11-21T12:00:00.000Z",
        "holidays",
    ]


def test_a_pause_that_changes_nothing_is_no_event(store: AutomationTable, clock: Clock) -> None:
    store.put(NAME, CRON)
    pause(store, HOLIDAYS)
    before = note(store)
    clock.forward(seconds=1)

    pause(store, HOLIDAYS)

    assert note(store) == before


def test_a_deletion_of_a_row_that_cannot_be_read_is_an_event(store: AutomationTable) -> None:
    row, _ = store.put(NAME, CRON)
    spoil(store)

    store.begin_delete(NAME, by="git")

    sent = last_event(store)
    assert (sent.type, sent.data["by"], sent.data["etag"]) == ("automation.deleted", "git", row.etag)
    assert (sent.data["enabled"], sent.data["labels"]) == (None, {})


def test_a_deletion_is_one_event_however_often_it_is_requested(store: AutomationTable, clock: Clock) -> None:
    store.put(NAME, CRON)
    store.begin_delete(NAME, by="first")
    before = note(store)
    clock.forward(seconds=1)

    row = store.begin_delete(NAME, by="second")
    assert row is not None
    store.end_delete(row)

    assert note(store) == before


class Recorder:
    """A client that records the notes that were written, and before the next write lets another writer act."""

    def __init__(self) -> None:
        self.notes: list[Json] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            if name != "transact_write_items":
                return getattr(dynamodb(), name)(**request)
            act, self.meanwhile = self.meanwhile, lambda: None
            act()
            answer = dynamodb().transact_write_items(**request)
            items = [decode(write["Put"]["Item"]) for write in request["TransactItems"] if "Put" in write]
            self.notes += [found for found in items if found["name"].startswith(":")]
            return answer

        return call


def test_of_two_puts_at_once_each_is_an_event_of_its_own_version(clock: Clock) -> None:
    client = Recorder()
    store = make_store(clock, client)
    client.meanwhile = lambda: store.put(NAME, RATE, by="second")

    store.put(NAME, CRON, by="first")

    events = [event(found) for found in client.notes]
    assert [(one.type, one.data["version"], one.data["by"]) for one in events] == [
        ("automation.created", 1, "second"),
        ("automation.changed", 2, "first"),
    ]


def test_of_two_equal_puts_at_once_one_is_an_event(clock: Clock) -> None:
    client = Recorder()
    store = make_store(clock, client)
    client.meanwhile = lambda: store.put(NAME, CRON, by="second")

    store.put(NAME, CRON, by="first")

    assert [found["by"] for found in client.notes] == ["second"]


def test_an_event_that_is_published_again_has_the_same_id(store: AutomationTable) -> None:
    store.put(NAME, CRON)
    first = note(store)
    store.put(NAME, RATE)

    assert event(first) == event(first, old=note(store))
    assert event(first).id != last_event(store).id


def test_a_note_that_expires_is_no_event(store: AutomationTable) -> None:
    store.put(NAME, CRON)

    expired = ItemChange(f"{CHANGE_PREFIX}{NAME}", note(store), {})
    assert AutomationEvents("stack", "automations").entries(expired) == []


def test_a_row_that_cannot_be_read_is_an_event_once_for_each_version(store: AutomationTable, clock: Clock) -> None:
    row, _ = store.put(NAME, CRON)
    assert store.note_unreadable(row)
    sent = event(note(store, UNREADABLE_PREFIX))
    assert (sent.type, sent.data["automation"], sent.data["etag"]) == ("automation.unreadable", NAME, row.etag)

    clock.forward(minutes=5)
    assert not store.note_unreadable(row)
    assert event(note(store, UNREADABLE_PREFIX)) == sent

    changed = RowHeader(NAME, 2, '"2"', "active")
    assert store.note_unreadable(changed)
    assert event(note(store, UNREADABLE_PREFIX)).data["etag"] == '"2"'


def test_no_read_of_the_table_takes_a_note_for_an_automation(store: AutomationTable) -> None:
    row, _ = store.put(NAME, WEBHOOK)
    store.note_unreadable(row)

    assert [one.name for one in store.list()] == [NAME]
    assert store.contents().names == {NAME}
    assert [one.name for one in store.listeners("payment.failed")] == [NAME]
    assert store.webhook_index.corrections(store.contents().headers) == {}


@pytest.mark.parametrize("prefix", [CHANGE_PREFIX, UNREADABLE_PREFIX])
def test_a_note_never_has_the_key_of_an_item_of_the_index_of_event_types(store: AutomationTable, prefix: str) -> None:
    owner = prefix.strip(":")
    listening = {**scheduled(), "trigger": {"type": "webhook", "events": [NAME, f":{NAME}"]}}
    store.put(owner, automation(listening))
    row, _ = store.put(NAME, CRON)
    store.note_unreadable(row)

    assert [one.name for one in store.listeners(NAME)] == [owner]
    assert note(store, prefix)["automation"] == NAME
