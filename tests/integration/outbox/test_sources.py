"""The publisher, as a function gets it, reads each item of the streams as what it is."""

from copy import replace

import pytest

from aichats.api.app import create_api
from aichats.aws.attributes import decode, encode
from aichats.bootstrap import Application
from tests.support.automation_rows import item
from tests.support.fakes import FakeEventBridge, Json
from tests.support.lambda_calls import HttpCaller
from tests.support.output import Output

NOTE = {"kind": "paused", "automation": "weekly", "version": 1, "etag": '"1"', "at": "2026-11-30T09:00:00.000Z"}
CHANGE = {**NOTE, "name": ":change:weekly"}
UNREADABLE = {**NOTE, "name": ":unreadable:weekly", "kind": "unreadable"}
BROKEN = {"run_id": "connection:agency", "broken": "a", "broken_at": 1_795_000_000, "reason": "revoked"}

pytestmark = pytest.mark.usefixtures("no_metrics")


@pytest.fixture
def bus() -> FakeEventBridge:
    return FakeEventBridge()


def publish(app: Application, bus: FakeEventBridge, *items: Json) -> None:
    """Publish items that were written."""
    records = [{"dynamodb": {"Keys": encode(key_of(item)), "NewImage": encode(item)}} for item in items]
    replace(app.publisher, client=lambda: bus).handle(records)


def key_of(item: Json) -> Json:
    return {name: item[name] for name in ("run_id", "name") if name in item}


def test_notes_and_connections_are_published(app: Application, bus: FakeEventBridge) -> None:
    publish(app, bus, CHANGE, UNREADABLE, BROKEN)

    assert [(event["type"], event["stack"]) for event in bus.events] == [
        ("automation.paused", "aichats"),
        ("automation.unreadable", "aichats"),
        ("connection.broken", "aichats"),
    ]


def test_a_note_that_comes_again_is_the_same_event(app: Application, bus: FakeEventBridge) -> None:
    publish(app, bus, CHANGE, BROKEN)
    publish(app, bus, CHANGE, BROKEN)

    first, second = bus.events[:2], bus.events[2:]
    assert first == second


def test_a_note_of_a_later_version_does_not_stop_the_others(
    app: Application, bus: FakeEventBridge, output: Output
) -> None:
    publish(app, bus, {"name": ":change:later"}, BROKEN)

    assert [event["type"] for event in bus.events] == ["connection.broken"]
    assert output.counted("EventsUnreadable") == 1


def test_notes_of_the_api_name_the_client(app: Application) -> None:
    api = HttpCaller(create_api(app).resolve)
    definition = {
        "trigger": {"type": "schedule", "expression": "cron(0 9 ? * MON *)"},
        "action": {"type": "whop.create_chat", "message_text": "How was the week?"},
        "targets": ["biz_A"],
    }
    found = []
    for method, path, body in (
        ("PUT", "", definition),
        ("POST", "/pause", {"reason": "holidays"}),
        ("POST", "/resume", None),
        ("DELETE", "", None),
    ):
        assert api(method, f"/automations/weekly{path}", body).status < 300
        note = decode(item(app.automation_table, ":change:weekly"))
        found.append((note["kind"], note["by"], note.get("reason")))

    assert found == [
        ("created", "local", None),
        ("paused", "local", "holidays"),
        ("resumed", "local", "holidays"),
        ("deleted", "local", None),
    ]
