"""``POST /automations/{name}/run`` with an event: an automation that listens for events runs now."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.runs.ledger.rows import Row
from tests.support.automations import listening, scheduled
from tests.support.fakes import FakeSqs, Json, ScriptedTransport, page
from tests.support.lambda_calls import Answer, HttpCaller, make_application

FAILED = {"type": "payment.failed", "data": {"id": "pay_1", "amount": 12}}
TARGETS = ("biz_A", "{{ event.account_id || 'biz_B' }}")


class Bench:
    """An API with the automation ``weekly``."""

    def __init__(self) -> None:
        self.sqs = FakeSqs()
        self.app: Application = make_application(ScriptedTransport(*[page()] * 4), sqs=self.sqs)
        self.api = HttpCaller(create_api(self.app).resolve)
        self.listen()

    def listen(self, text: str = "{{ event.data.id }}", *targets: str, **trigger: Any) -> None:
        definition = listening("payment.failed", "plan.created", targets=targets or ("biz_A",), **trigger)
        self.put(definition | {"action": {"type": "whop.create_chat", "message_text": text}})

    def put(self, definition: Json) -> None:
        assert self.api("PUT", "/automations/weekly", definition).status < 300

    def run(self, body: object = None, key: str | None = None) -> Answer:
        return self.api("POST", "/automations/weekly/run", body, headers={"idempotency-key": key})

    def rows(self, answer: Answer) -> list[Row]:
        assert answer.status == 202, answer.body
        return [row for row in map(self.app.ledger.get, answer.json["run_ids"]) if row]

    def texts(self, answer: Answer) -> list[str]:
        actions = [row.run.action for row in self.rows(answer)]
        return [str(action.message) for action in actions if action.type == "whop.create_chat"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


# ---------------------------------------------------------------------------------------------- runs


def test_texts_and_targets_use_the_event_and_the_trigger_is_http(bench: Bench) -> None:
    bench.listen("{{ event.data.id }} of {{ event.data.amount }}", *TARGETS)
    answer = bench.run({"event": FAILED})

    assert bench.texts(answer) == ["pay_1 of 12"] * 2
    assert [(row.run.trigger, row.run.target) for row in bench.rows(answer)] == [("http", "biz_A"), ("http", "biz_B")]
    assert [dict(row.run.labels) for row in bench.rows(answer)] == [{}, {}]


def test_missing_fields_of_the_envelope_are_filled_in(bench: Bench) -> None:
    bench.listen("{{ event.id }} {{ event.timestamp }} {{ event.account_id || 'nobody' }} {{ slot.date }}")
    [text] = bench.texts(bench.run({"event": FAILED}))

    event_id, timestamp, account, date = text.split(" ")
    assert event_id.startswith("evt_")
    assert account == "nobody"
    assert datetime.fromisoformat(timestamp).date() == datetime.fromisoformat(date).date()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()) < 86_400


def test_an_example_from_the_list_of_event_types_runs_as_it_is(bench: Bench) -> None:
    [listed] = bench.api("GET", "/events/types", query="type=payment.failed").json["data"]
    answer = bench.run({"event": listed["example"]})

    assert bench.texts(answer) == [listed["example"]["data"]["id"]]


@pytest.mark.parametrize("name", ["account_id", "company_id"])
def test_a_whole_envelope_counts_as_a_delivery(bench: Bench, name: str) -> None:
    bench.listen("{{ event.id }} {{ slot.iso }}", "{{ event.account_id }}")
    answer = bench.run({"event": {**FAILED, "id": "evt_1", "timestamp": "2026-11-20T09:00:00Z", name: "biz_C"}})

    assert bench.texts(answer) == ["evt_1 2026-11-20T09:00:00+00:00"]
    assert [row.run.target for row in bench.rows(answer)] == ["biz_C"]


def test_a_target_is_selected_as_it_is_written_in_the_automation(bench: Bench) -> None:
    bench.listen("Hello", *TARGETS)
    answer = bench.run({"event": FAILED | {"account_id": "biz_C"}, "targets": [TARGETS[1]]})
    rendered = bench.run({"event": FAILED | {"account_id": "biz_C"}, "targets": ["biz_C"]})

    assert [row.run.target for row in bench.rows(answer)] == ["biz_C"]
    assert (rendered.status, rendered.fields) == (422, ["targets.0"])


def test_the_same_key_starts_nothing_again(bench: Bench) -> None:
    first, again, other = (bench.run({"event": FAILED}, key) for key in ("a", "a", "b"))

    assert again.json == first.json
    assert other.json != first.json


def test_a_disabled_automation_runs_too(bench: Bench) -> None:
    bench.listen(enabled=False)
    assert len(bench.rows(bench.run({"event": FAILED}))) == 1


# ---------------------------------------------------------------------------------------------- rejected


@pytest.mark.parametrize("body", [None, {}, {"event": None}, {"targets": ["biz_A"]}])
def test_without_an_event_it_is_rejected_with_where_to_find_examples(bench: Bench, body: object) -> None:
    answer = bench.run(body)

    assert (answer.status, answer.fields) == (422, ["event"])
    assert "GET /events/types" in answer.json["detail"]
    assert bench.sqs.sent == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "payment.succeeded"}, "event.type"),
        ({"type": ""}, "event.type"),
        ({"type": None}, "event.type"),
        ({"data": ["pay_1"]}, "event.data"),
        ({"data": None}, "event.data"),
        ({"timestamp": "yesterday"}, "event.timestamp"),
        ({"id": "e" * 256}, "event.id"),
        ({"data": {"amount": 5}}, "event"),
        ({"data": {"amount": 99}}, "action.message_text"),
        ({"data": {"amount": "many"}}, "event"),
    ],
)
def test_an_event_for_which_the_automation_would_not_run_is_rejected(bench: Bench, changes: Json, field: str) -> None:
    bench.listen(filter="abs(data.amount) > `10`")
    answer = bench.run({"event": FAILED | changes}, "a")

    assert (answer.status, answer.fields) == (422, [field])
    assert bench.sqs.sent == []


def test_an_event_that_the_filter_rejects_is_named_as_that(bench: Bench) -> None:
    bench.listen(filter="data.amount > `100`")

    assert bench.run({"event": FAILED}).json["detail"] == "event: the filter of the automation rejects this event"


def test_a_type_for_which_the_automation_does_not_listen_is_rejected_with_those_that_would_do(bench: Bench) -> None:
    answer = bench.run({"event": FAILED | {"type": "plan.updated"}})

    assert "use payment.failed or plan.created" in answer.json["detail"]


def test_a_rejected_event_leaves_its_key_for_the_corrected_one(bench: Bench) -> None:
    assert bench.run({"event": FAILED | {"type": "plan.updated"}}, "a").status == 422
    assert bench.run({"event": FAILED}, "a").status == 202


@pytest.mark.parametrize("event", [[], "payment.failed", 7])
def test_an_event_that_is_no_object_is_rejected(bench: Bench, event: object) -> None:
    answer = bench.run({"event": event})

    assert (answer.status, answer.fields) == (422, ["event"])


def test_a_number_that_json_cannot_express_is_rejected(bench: Bench) -> None:
    answer = bench.run('{"event": {"type": "payment.failed", "data": {"id": NaN}}}')

    assert (answer.status, answer.fields) == (422, ["event"])


def test_a_schedule_takes_no_event(bench: Bench) -> None:
    assert bench.api("DELETE", "/automations/weekly").status == 204
    bench.put(scheduled())
    answer = bench.run({"event": FAILED})

    assert (answer.status, answer.fields) == (422, ["event"])
    assert bench.sqs.sent == []
