"""``POST /automations/preview`` and ``GET …/preview?render=true`` show what an automation will send."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aichats.api import preview_view
from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.schedules.pauses import PauseWindow
from aichats.whop.event_examples import EXAMPLE_ACCOUNT, example_event
from aichats.whop.webhooks import known_event_types
from tests.support.automations import ACTION, listening
from tests.support.fakes import FakeSqs, Json, ScriptedTransport, page
from tests.support.lambda_calls import Answer, HttpCaller, make_application
from tests.support.ledgers import dynamodb
from tests.support.stack_in_memory import payment

NEW_YEAR = {"type": "schedule", "expression": "cron(0 9 1 1 ? 2100-2104)", "timezone": "America/New_York"}
YEARLY = {
    "trigger": NEW_YEAR,
    "action": {
        "type": "whop.create_chat",
        "title": "{{ automation }} {{ slot.date }}",
        "message_text": "For {{ target }} at {{ slot.time }}",
        "notification_preference": "none",
    },
    "targets": ["biz_A", None],
}
NEW_YEAR_S_EVE = "2026-12-31T18:00:00Z"
FIRST = {"utc": "2100-01-01T14:00:00Z", "local": "2100-01-01T09:00:00-05:00"}
PATH = "/automations/preview"
STORED = "/automations/yearly/preview"


@pytest.fixture
def sqs() -> FakeSqs:
    return FakeSqs()


@pytest.fixture
def app(sqs: FakeSqs) -> Application:
    # The PUT of an automation that listens for events asks Whop for the webhooks of both API keys.
    return make_application(ScriptedTransport(page(), page()), sqs=sqs)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def saying(text: str, *targets: str | None, title: str | None = None, **trigger: Any) -> Json:
    """Return an automation that listens for failed payments."""
    definition = listening(targets=targets or ("biz_A",), **trigger)
    titled = {"title": title} if title else {}
    return definition | {"action": {**ACTION, "message_text": text, **titled}}


def rendered(answer: Answer) -> list[tuple[Any, ...]]:
    assert answer.status == 200, answer.body
    return [(each["target"], each["title"], each["message"]) for each in answer.json["rendered"]]


def errors(answer: Answer) -> list[tuple[Any, ...]]:
    assert answer.status == 200, answer.body
    return [(each["target"], each["error"]["field"], each["error"]["detail"]) for each in answer.json["rendered"]]


def items(app: Application) -> list[object]:
    tables = (app.ledger.table, app.automation_table.table)
    return [item for table in tables for item in dynamodb().scan(TableName=table)["Items"] if "used_at" not in item]


# ---------------------------------------------------------------------------------------------- schedules


def test_a_whole_automation_is_answered_with_its_times_and_the_text_of_each_target(api: HttpCaller) -> None:
    answer = api("POST", PATH, YEARLY, query="count=1")

    assert answer.status == 200
    assert answer.json == {
        "at": "2100-01-01T14:00:00Z",
        "times": [FIRST],
        "paused": [],
        "event_type": None,
        "is_example": False,
        "filtered": False,
        "rendered": [
            {
                "target": target,
                "title": "preview 2100-01-01",
                "message": f"For {target or ''} at 09:00",
                "action": {
                    "type": "whop.create_chat",
                    "title": "preview 2100-01-01",
                    "message_text": f"For {target or ''} at 09:00",
                    "notification_preference": "none",
                },
                "error": None,
            }
            for target in ("biz_A", None)
        ],
        "not_shown": 0,
    }


def test_the_name_is_the_one_that_texts_use(api: HttpCaller) -> None:
    answer = api("POST", PATH, YEARLY | {"name": "weekly", "targets": ["biz_A"]})

    assert rendered(answer) == [("biz_A", "weekly 2100-01-01", "For biz_A at 09:00")]


def test_a_schedule_is_rendered_for_the_time_in_the_body(api: HttpCaller) -> None:
    answer = api("POST", PATH, YEARLY | {"at": "2026-12-24T20:00:00+02:00", "targets": ["biz_A"]})

    assert rendered(answer) == [("biz_A", "preview 2026-12-24", "For biz_A at 13:00")]
    assert (answer.json["at"], answer.json["times"][0]) == ("2026-12-24T18:00:00Z", FIRST)


def test_what_get_returns_can_be_previewed_like_it_can_be_put(api: HttpCaller) -> None:
    api("PUT", "/automations/yearly", YEARLY)

    answer = api("POST", PATH, api("GET", "/automations/yearly").json | {"targets": ["biz_B"]})

    assert rendered(answer) == [("biz_B", "yearly 2100-01-01", "For biz_B at 09:00")]


def test_duplicate_targets_appear_once(api: HttpCaller) -> None:
    answer = api("POST", PATH, YEARLY | {"targets": ["biz_B", "biz_A", "biz_B"]})

    assert [target for target, *_ in rendered(answer)] == ["biz_B", "biz_A"]


@pytest.mark.parametrize(
    ("action", "target", "shown"),
    [
        ({"type": "whop.update_chat", "title": "{{ slot.date }}"}, "aich_1", ("aich_1", "2100-01-01", None)),
        ({"type": "whop.update_chat", "notification_preference": None}, "aich_1", ("aich_1", None, None)),
        ({"type": "kodey.create_chat", "message_text": "{{ target }}?"}, "agent-1", ("agent-1", None, "agent-1?")),
        ({"type": "kodey.send_message", "content": "{{ target }}!"}, "chat-1", ("chat-1", None, "chat-1!")),
    ],
)
def test_each_action_has_its_title_and_message(api: HttpCaller, action: Json, target: str, shown: object) -> None:
    answer = api("POST", PATH, YEARLY | {"action": action, "targets": [target]})

    assert rendered(answer) == [shown]
    # In a change, null clears a field. So fields that are not sent are not shown.
    assert answer.json["rendered"][0]["action"].keys() == action.keys()


def test_nothing_is_stored_and_nothing_starts(api: HttpCaller, app: Application, sqs: FakeSqs) -> None:
    api("POST", PATH, YEARLY)
    api("POST", PATH, saying("Hello") | {"event": payment()})

    assert (items(app), sqs.sent) == ([], [])


def test_a_target_that_fails_is_shown_with_the_field_and_the_others_with_their_texts(api: HttpCaller) -> None:
    fails = {**ACTION, "message_text": "{{ abs(to_number(target == 'biz_B' && 'x' || '1')) }}"}

    answer = api("POST", PATH, YEARLY | {"action": fails, "targets": ["biz_B", "biz_A"]})

    ok, failed = answer.json["rendered"]
    assert (ok["target"], ok["message"], ok["error"]) == ("biz_A", "1", None)
    assert (failed["target"], failed["message"], failed["action"]) == ("biz_B", None, None)
    assert failed["error"]["field"] == "action.message_text"
    assert "abs()" in failed["error"]["detail"]


def test_a_bad_expression_is_shown_with_its_field_like_that_of_a_put(api: HttpCaller) -> None:
    definition = YEARLY | {"action": {**ACTION, "message_text": "{{ slto.date }}", "title": "{{ slot.date"}}

    answer = api("POST", PATH, definition)

    put = api("PUT", "/automations/yearly", definition)
    assert put.status == 422
    assert errors(answer) == [(None, each["field"], each["message"]) for each in put.json["errors"]]
    assert [field for _, field, _ in errors(answer)] == ["action.message_text", "action.title"]
    assert answer.json["times"][0] == FIRST


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"unknown": 1}, "unknown"),
        ({"trigger": {"type": "schedule", "expression": "cron(0 9 30 2 ? *)"}}, "trigger.expression"),
        ({"trigger": {"type": "schedule", "expression": "at(2020-01-01T09:00:00)"}}, "trigger.expression"),
        ({"trigger": NEW_YEAR | {"timezone": "Mars/Base"}}, "trigger.timezone"),
        ({"trigger": NEW_YEAR | {"enabled": 0}}, "trigger.enabled"),
        ({"action": {"type": "whop.create_chat", "message_text": ""}}, "action.message_text"),
        ({"action": {"type": "whop.delete_chat"}}, "action.type"),
        ({"action": {**ACTION, "message_text": "x" * 32_769}}, "action.message_text"),
        ({"action": {**ACTION, "agent_identifier": "general"}}, "action.agent_identifier"),
        ({"targets": ["aich_1"]}, "targets"),
        ({"targets": []}, "targets"),
        ({"name": "Weekly"}, "name"),
        ({"at": "2026-12-24"}, "at"),
        ({"at": 1795442400}, "at"),
        ({"event": payment()}, "event"),
    ],
)
def test_an_automation_that_a_put_rejects_as_malformed_is_rejected(api: HttpCaller, change: Json, field: str) -> None:
    answer = api("POST", PATH, YEARLY | change)

    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize("body", [None, [], 1, "x", {}, {"type": "schedule"}, {"expression": "rate(1 day)"}])
def test_a_body_that_is_neither_is_rejected_as_a_schedule(api: HttpCaller, body: object) -> None:
    answer = api("POST", PATH, "null" if body is None else body)

    assert answer.status == 422


# ---------------------------------------------------------------------------------------------- webhooks


def test_an_automation_that_listens_is_rendered_for_the_event(api: HttpCaller) -> None:
    definition = saying(
        "{{ event.data.user.name }} at {{ slot.time }}", "{{ event.account_id }}", title="{{ event.type }}"
    )

    answer = api("POST", PATH, definition | {"event": payment(id="evt_9", account_id="biz_9")})

    assert rendered(answer) == [("biz_9", "payment.failed", "Zoë at 12:00")]
    assert (answer.json["at"], answer.json["times"]) == ("2026-11-20T12:00:00Z", [])
    assert (answer.json["event_type"], answer.json["is_example"]) == ("payment.failed", False)


def test_the_fields_of_the_envelope_that_are_missing_are_filled_in(api: HttpCaller) -> None:
    event = {"type": "payment.failed", "data": {"id": "pay_1"}}

    answer = api("POST", PATH, saying("{{ event.data.id }} {{ slot.date }}") | {"event": event, "at": NEW_YEAR_S_EVE})

    assert rendered(answer) == [("biz_A", None, "pay_1 2026-12-31")]


def test_without_an_event_an_example_of_the_first_type_is_used(api: HttpCaller) -> None:
    definition = saying("{{ event.type }}", "{{ event.account_id }}", title="{{ event.data.id }} {{ slot.iso }}")
    definition["trigger"]["events"] = ["payment.succeeded", "payment.failed"]
    example = example_event("payment.succeeded", datetime.fromisoformat(NEW_YEAR_S_EVE))

    answer = api("POST", PATH, definition | {"at": NEW_YEAR_S_EVE})

    title = f"{example['data']['id']} 2026-12-31T18:00:00+00:00"
    assert rendered(answer) == [(EXAMPLE_ACCOUNT, title, "payment.succeeded")]
    assert (answer.json["event_type"], answer.json["is_example"]) == ("payment.succeeded", True)


def test_the_example_is_of_the_first_type_that_has_one(api: HttpCaller) -> None:
    definition = saying("{{ event.type }}")
    definition["trigger"]["events"] = ["payment.imagined", "payment.failed"]

    assert rendered(api("POST", PATH, definition)) == [("biz_A", None, "payment.failed")]

    definition["trigger"]["events"] = ["payment.imagined"]
    answer = api("POST", PATH, definition)
    assert (answer.status, answer.fields) == (422, ["event"])
    assert "has an example" in answer.json["detail"]


def test_an_example_that_the_filter_rejects_is_named(api: HttpCaller) -> None:
    answer = api("POST", PATH, saying("Hello", filter="data.id == 'none'"))

    assert (answer.json["filtered"], answer.json["is_example"], answer.json["rendered"]) == (True, True, [])


@pytest.mark.parametrize("event_type", sorted(known_event_types()))
def test_each_known_event_has_an_example_that_can_be_rendered(api: HttpCaller, event_type: str) -> None:
    definition = saying("{{ event.type }} {{ event.id }}", "{{ event.account_id }}")
    definition["trigger"]["events"] = [event_type]

    [(target, _, message)] = rendered(api("POST", PATH, definition))

    assert (target, message.partition(" ")[0]) == (EXAMPLE_ACCOUNT, event_type)


def test_both_generations_of_envelopes_are_understood(api: HttpCaller) -> None:
    event = payment(account_id=..., company_id="biz_7")

    answer = api("POST", PATH, saying("{{ event.account_id }} {{ event.company_id }}") | {"event": event})

    assert rendered(answer) == [("biz_A", None, "biz_7 biz_7")]


def test_the_time_in_the_body_replaces_that_of_the_event(api: HttpCaller) -> None:
    answer = api("POST", PATH, saying("{{ slot.iso }}") | {"event": payment(), "at": "2026-12-24T18:00:00Z"})

    assert rendered(answer) == [("biz_A", None, "2026-12-24T18:00:00+00:00")]


def test_targets_that_are_equal_after_rendering_appear_once(api: HttpCaller) -> None:
    answer = api("POST", PATH, saying("Hello", "{{ event.account_id }}", "biz_A") | {"event": payment()})

    assert [target for target, *_ in rendered(answer)] == ["biz_A"]


def test_an_event_that_the_filter_rejects_renders_nothing(api: HttpCaller) -> None:
    answer = api("POST", PATH, saying("Hello", filter="data.amount > `100`") | {"event": payment()})

    assert (answer.json["rendered"], answer.json["filtered"]) == ([], True)
    accepted = api("POST", PATH, saying("Hello", filter="data.amount > `1`") | {"event": payment()})
    assert (len(accepted.json["rendered"]), accepted.json["filtered"]) == (1, False)


def test_a_filter_that_fails_is_shown_with_its_field(api: HttpCaller) -> None:
    answer = api("POST", PATH, saying("Hello", filter="data.amount") | {"event": payment()})

    [(target, field, detail)] = errors(answer)
    assert (target, field, "is not true or false" in detail) == ("biz_A", "trigger.filter", True)


@pytest.mark.parametrize(
    ("definition", "target", "field"),
    [
        (saying("{{ event.data.nobody }}"), "biz_A", "action.message_text"),
        (saying("Hello", "{{ event.data.id }}"), "{{ event.data.id }}", "targets.0"),
        (saying("Hello", "{{ event.data.nobody }}"), "{{ event.data.nobody }}", "targets.0"),
        (saying("{{ evnt.data.id }}"), None, "action.message_text"),
        (saying("Hello", filter="data.amount >"), None, "trigger.filter"),
        (saying("Hello", *(f"biz_{number}" for number in range(101))), None, "targets"),
    ],
)
def test_what_fails_for_an_event_is_shown_with_its_field(
    api: HttpCaller, definition: Json, target: str | None, field: str
) -> None:
    answer = api("POST", PATH, definition | {"event": payment()})

    assert [(shown, named) for shown, named, _ in errors(answer)] == [(target, field)]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (payment(type=...), "event.type"),
        (payment(id=""), "event.id"),
        (payment(timestamp="yesterday"), "event.timestamp"),
        (payment(data=[]), "event.data"),
        ({}, "event.type"),
        ([], "event"),
        ("payment.failed", "event"),
        (payment(type="payment.succeeded"), "event.type"),
    ],
)
def test_an_event_that_would_be_no_delivery_of_the_automation_is_rejected(
    api: HttpCaller, event: object, field: str
) -> None:
    answer = api("POST", PATH, saying("Hello") | {"event": event})

    assert (answer.status, answer.fields[0]) == (422, field)


# ---------------------------------------------------------------------------------------------- size


def test_targets_that_do_not_fit_into_the_answer_are_counted(api: HttpCaller) -> None:
    targets = [f"biz_{number}" for number in range(400)]
    long = {**ACTION, "message_text": "ä" * 16_000 + "{{ target }}"}

    answer = api("POST", PATH, YEARLY | {"action": long, "targets": targets})

    shown = answer.json["rendered"]
    assert [each["target"] for each in shown] == targets[: len(shown)]
    assert answer.json["not_shown"] == 400 - len(shown) > 0
    assert len(answer.body.encode()) < 5_000_000


def test_at_least_one_target_is_shown(api: HttpCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_view, "MAX_PREVIEW_BYTES", 1)

    answer = api("POST", PATH, YEARLY)

    assert (len(answer.json["rendered"]), answer.json["not_shown"]) == (1, 1)


# ---------------------------------------------------------------------------------------------- stored automations


def test_a_stored_automation_is_rendered_on_request(api: HttpCaller) -> None:
    api("PUT", "/automations/yearly", YEARLY)

    answer = api("GET", STORED, query="render=true&count=2")

    assert answer.json == api("POST", PATH, YEARLY | {"name": "yearly"}, query="count=2").json
    assert rendered(answer)[0] == ("biz_A", "yearly 2100-01-01", "For biz_A at 09:00")
    assert "paused" not in answer.headers


def test_a_stored_automation_that_listens_is_rendered_with_an_example(api: HttpCaller) -> None:
    api("PUT", "/automations/heard", saying("{{ automation }}: {{ event.type }}"))

    answer = api("GET", "/automations/heard/preview", query="render=true")

    assert rendered(answer) == [("biz_A", None, "heard: payment.failed")]
    assert (answer.json["is_example"], answer.json["times"]) == (True, [])


@pytest.mark.parametrize("query", ["", "render=false"])
def test_without_render_a_stored_automation_has_the_bare_array(api: HttpCaller, query: str) -> None:
    api("PUT", "/automations/yearly", YEARLY)

    assert api("GET", STORED, query=query).json[0] == FIRST


@pytest.mark.parametrize("value", ["", "1", "yes"])
def test_render_is_true_or_false(api: HttpCaller, value: str) -> None:
    api("PUT", "/automations/yearly", YEARLY)

    assert api("GET", STORED, query=f"render={value}").fields == ["render"]


# ---------------------------------------------------------------------------------------------- pauses


def pause(app: Application, begins: str, until: str | None, reason: str | None = None) -> None:
    """Pause the stored automation."""
    row = app.automation_table.read("yearly")
    assert row is not None
    now = datetime.now(UTC)
    end = datetime.fromisoformat(until) if until else None
    window = PauseWindow(datetime.fromisoformat(begins), end, "ann", now, reason)
    dynamodb().update_item(
        TableName=app.automation_table.table,
        Key={"name": {"S": "yearly"}},
        UpdateExpression="SET pauses = :text",
        ExpressionAttributeValues={":text": {"S": row.pauses.add(window, now).to_text()}},
    )


def years(answer: Answer) -> list[int]:
    times = answer.json if isinstance(answer.json, list) else answer.json["times"]
    return [int(time["utc"][:4]) for time in times]


def test_a_pause_leaves_its_times_out_and_the_header_names_it(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/yearly", YEARLY)
    pause(app, "2100-12-24T00:00:00Z", "2103-01-01T00:00:00Z", "holidays")

    bare, whole = api("GET", STORED, query="count=2"), api("GET", STORED, query="count=2&render=true")

    assert years(bare) == years(whole) == [2100, 2103]
    assert bare.headers["paused"] == whole.headers["paused"] == "2100-12-24T00:00:00Z/2103-01-01T00:00:00Z"
    assert whole.json["paused"] == [
        {"from": "2100-12-24T00:00:00Z", "until": "2103-01-01T00:00:00Z", "reason": "holidays", "left_out": 2}
    ]


def test_a_pause_of_the_stack_leaves_times_out_too(api: HttpCaller) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    api("PUT", "/automations/yearly", YEARLY | {"trigger": NEW_YEAR | {"expression": "cron(* * * * ? *)"}})
    api("POST", "/pause", {"from": "2026-01-01", "until": until, "reason": "Wrong texts"})

    answer = api("GET", STORED, query="render=true")

    assert [time["utc"] for time in answer.json["times"]] == [
        time["utc"] for time in api("GET", "/automations/yearly").json["next"]
    ]
    assert datetime.fromisoformat(answer.json["at"]) >= datetime.fromisoformat(until)
    assert [each["reason"] for each in answer.json["paused"]] == ["Wrong texts"]


def test_a_time_just_before_a_pause_is_not_counted_as_left_out(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/yearly", YEARLY)
    pause(app, "2100-01-01T14:00:00.500000Z", "2103-01-01T00:00:00Z")

    answer = api("GET", STORED, query="count=2&render=true")

    assert (years(answer), [each["left_out"] for each in answer.json["paused"]]) == ([2100, 2103], [2])


def test_the_text_is_that_of_the_next_time_outside_of_the_pause(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/yearly", YEARLY)
    pause(app, "2026-01-01T00:00:00Z", "2101-01-01T14:00:00Z")

    answer = api("GET", STORED, query="render=true")

    assert rendered(answer)[0][1] == "yearly 2101-01-01"
    assert (years(answer), answer.json["paused"][0]["left_out"]) == ([2101, 2102, 2103, 2104], 1)


def test_during_a_pause_without_an_end_there_are_no_times_and_no_texts(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/yearly", YEARLY)
    pause(app, "2026-01-01T00:00:00Z", None)

    bare, whole = api("GET", STORED), api("GET", STORED, query="render=true")

    assert (bare.json, bare.headers["paused"]) == ([], "2026-01-01T00:00:00Z/..")
    assert (whole.json["at"], whole.json["times"], whole.json["rendered"]) == (None, [], [])
    assert (whole.json["paused"][0]["until"], whole.json["paused"][0]["left_out"]) == (None, 5)


def test_a_pause_after_the_times_that_are_shown_is_not_mentioned(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/yearly", YEARLY)
    pause(app, "2102-01-01T00:00:00Z", "2103-01-01T00:00:00Z")

    answer = api("GET", STORED, query="count=2&render=true")

    assert (years(answer), answer.json["paused"], "paused" in answer.headers) == ([2100, 2101], [], False)


def test_several_pauses_are_all_named(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/yearly", YEARLY)
    pause(app, "2100-01-01T14:00:00Z", "2100-06-01T00:00:00Z")
    pause(app, "2101-01-01T14:00:01Z", "2103-01-01T00:00:00Z")

    answer = api("GET", STORED)

    assert years(answer) == [2101, 2103, 2104]
    assert answer.headers["paused"] == (
        "2100-01-01T14:00:00Z/2100-06-01T00:00:00Z, 2101-01-01T14:00:01Z/2103-01-01T00:00:00Z"
    )


def test_a_long_pause_of_a_frequent_schedule_is_counted_up_to_a_limit(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/yearly", YEARLY | {"trigger": {"type": "schedule", "expression": "cron(* * * * ? *)"}})
    until = (datetime.now(UTC) + timedelta(days=1500)).replace(microsecond=0)
    pause(app, "2026-01-01T00:00:00Z", until.isoformat())

    answer = api("GET", STORED, query="count=2&render=true")

    assert answer.json["paused"][0]["left_out"] == 1000
    assert all(datetime.fromisoformat(time["utc"]) >= until for time in answer.json["times"])
