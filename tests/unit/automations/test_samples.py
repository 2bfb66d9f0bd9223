"""Which texts of a webhook are refused when they are written, since they fail for every event, and which are taken."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aichats.automations.run_factory import RunFactory, of_event
from aichats.automations.samples import Samples, samples_of
from aichats.errors import InputError
from aichats.templates.filters import matches
from aichats.templates.render import Evaluator, RenderError
from aichats.whop.webhooks import WebhookEvent
from tests.support.automations import automation, listening
from tests.support.fakes import Json
from tests.support.firing import NAME, payment

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FACTORY = RunFactory(lambda _: None, max_message_bytes=131072)
COMPANY = listening()["action"]
CHAT = {"type": "whop.update_chat", "title": "Week"}
AGENT = {"type": "kodey.create_chat", "message_text": "Hello"}


def problems(definition: Json) -> list[tuple[str, str]]:
    try:
        FACTORY.check(NAME, automation(definition), NOW)
    except InputError as error:
        return list(error.problems)
    return []


def writing(text: str) -> Json:
    definition = listening("payment.failed", "refund.created")
    return definition | {"action": definition["action"] | {"message_text": text}}


def events(**changes: Any) -> list[Json]:
    """Events as they come, of both types."""
    told = [payment(type=type_, **changes) for type_ in ("payment.failed", "refund.created")]
    return [WebhookEvent.model_validate(each).model_dump(mode="json") for each in told]


@pytest.mark.parametrize("moment", [NOW, NOW.replace(microsecond=5000), NOW.astimezone(ZoneInfo("Asia/Tokyo"))])
def test_the_moment_of_a_sample_looks_like_that_of_an_event(moment: datetime) -> None:
    [event, *_] = events(timestamp=moment.astimezone(UTC).isoformat())
    samples = samples_of(NAME, ["payment.failed"], moment)

    assert {names["event"]["timestamp"] for names in samples.names} == {event["timestamp"]}
    assert event["timestamp"].endswith("Z")


# ---------------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("abs(automation)", "abs() does not take a value of type str"),
        ("sum(slot.date)", "sum() does not take a value of type str"),
        ("`null`", "is null"),
        ("slot[0]", "is null"),
        ("&slot", "cannot be written as JSON"),
        ("abs(target)", "abs() does not take a value of type str"),
        ("target[0]", "is null"),
        ("event.type.name", "is null"),
        ("abs(event.type)", "abs() does not take"),
        ("abs(event.id)", "abs() does not take"),
        ("keys(event.timestamp)", "keys() does not take"),
        ("abs(event.account_id)", "abs() does not take"),
        ("event.company_id[0]", "is null"),
        ("event.type == 'payout.created' && 'x' || abs(event.type)", "abs() does not take"),
        ("automation == 'other' && 'x' || `null`", "is null"),
    ],
)
def test_a_text_that_fails_for_every_event_is_refused_by_its_field(expression: str, told: str) -> None:
    [(field, problem)] = problems(writing(f"For {{{{ target }}}}: {{{{ {expression} }}}}"))

    assert field == "action.message_text"
    assert repr(expression) in problem
    assert told in problem
    for event in events():
        assert (
            FACTORY.runs_for(NAME, automation(writing(f"{{{{ {expression} }}}}")), of_event("m", event, NOW)).runs == []
        )


@pytest.mark.parametrize(
    ("expression", "changes"),
    [
        ("slot.date", {}),
        ("slot", {}),
        ("to_string(slot)", {}),
        ("event", {}),
        ("event.*", {}),
        ("@", {}),
        ("length(@)", {}),
        ("join(' ', [automation, target, slot.week])", {}),
        ("event.account_id", {}),
        ("[event.account_id] | join(' ', @)", {}),
        ("abs(event.data)[0] || abs(event.data.amount)", None),
        ("abs(event.data.amount)", {}),
        ("event.previous_attributes.name", {"previous_attributes": {"name": "x"}}),
        ("event.api_version", {"api_version": "v1"}),
        ("event.type == 'refund.created' && 'x' || abs(event.type)", {}),
        ("event.account_id == 'biz_B' && 'x' || abs(automation)", {"account_id": "biz_B"}),
        ("slot.date == '2026-11-20' && 'x' || abs(automation)", {}),
        ("target == 'biz_A' && 'x' || abs(automation)", {}),
        ("contains(event.id, 'evt') && 'x' || `null`", {}),
        ("to_number(event.id)", {"id": "17"}),
        ("abs(to_number(target))", None),
        ("not_null(event.account_id)", {}),
        ("[event.id, 'b'] | sort(@)[0]", {}),
        ("event.id || abs(event.id)", {}),
        ("[slot.date][?@ == '2026-11-20'] | [0]", {}),
        ("{a: event.type}.a", {}),
        ("event.{a: type}.a", {}),
    ],
)
def test_a_text_that_may_work_is_taken(expression: str, changes: Json | None) -> None:
    written = writing(f"{{{{ {expression} }}}}")

    assert problems(written) == []
    if changes is not None:
        heard = [FACTORY.runs_for(NAME, automation(written), of_event("m", each, NOW)) for each in events(**changes)]
        assert any(fired.runs for fired in heard)


def test_every_text_that_fails_is_told_at_once_and_each_once() -> None:
    definition = listening(filter="'abc'", targets=("biz_A", "{{ slot.date }}", "{{ `null` }}"))
    action = definition["action"] | {"title": "{{ slot[0] }} {{ slot[1] }}", "message_text": "{{ abs(automation) }}"}

    assert [field for field, _ in problems(definition | {"action": action})] == [
        "action.message_text",
        "action.title",
        "trigger.filter",
        "targets.1",
        "targets.2",
    ]


def test_what_cannot_be_tried_for_lack_of_budget_is_taken() -> None:
    names = [{"automation": NAME}]

    assert Samples(names, Evaluator()).why_no_text("{{ abs(automation) }}") is not None
    assert Samples(names, Evaluator(budget=1)).why_no_text("{{ abs(automation) }}") is None


# ---------------------------------------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("filter_", "told"),
    [
        ("'abc'", "gave neither true nor false"),
        ("`1`", "gave neither true nor false"),
        ("type", "gave neither true nor false"),
        ("id", "gave neither true nor false"),
        ("length(id)", "gave neither true nor false"),
        ("abs(type)", "abs() does not take a value of type str"),
        ("type && abs(type)", "abs() does not take a value of type str"),
    ],
)
def test_a_filter_that_fails_for_every_event_is_refused(filter_: str, told: str) -> None:
    [(field, problem)] = problems(listening("payment.failed", "refund.created", filter=filter_))

    assert field == "trigger.filter"
    assert told in problem
    for event in events():
        with pytest.raises(RenderError):
            matches(event, ["payment.failed", "refund.created"], filter_)


@pytest.mark.parametrize(
    "filter_",
    [
        "`true`",
        "`false`",
        "''",
        "type == 'payment.failed'",
        "type == 'refund.created' || abs(type)",
        "account_id",
        "company_id == 'biz_B' || abs(type)",
        "starts_with(account_id, 'biz_')",
        "data",
        "data.amount",
        "abs(data.amount) > `5`",
        "length(@) > `5`",
        "api_version",
        "contains(['payment.failed'], type)",
    ],
)
def test_a_filter_that_may_work_is_taken(filter_: str) -> None:
    assert problems(listening("payment.failed", "refund.created", filter=filter_)) == []


# ---------------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("action", "target", "told"),
    [
        (COMPANY, "{{ slot.date }}", "the text rendered as a target is refused: whop.create_chat needs a company"),
        (COMPANY, "biz_{{ slot.iso }}", "the text rendered as a target is refused"),
        (COMPANY, "{{ event.type }}", "the text rendered as a target is refused"),
        (COMPANY, "{{ automation }}", "the text rendered as a target is refused"),
        (COMPANY, "{{ 'aich_1' }}", "the text rendered as a target is refused"),
        (COMPANY, "{{ abs(automation) }}", "abs() does not take"),
        (COMPANY, "company {{ event.account_id }}", "begins with 'company ': whop.create_chat needs a company (biz_"),
        (COMPANY, " {{ event.account_id }}", "begins with ' '"),
        (COMPANY, "aich_{{ event.data.id }}", "begins with 'aich_'"),
        (CHAT, "biz_{{ event.data.id }}", "begins with 'biz_': whop.update_chat needs a chat (aich_...)"),
        (AGENT, "an agent {{ event.data.id }}", "begins with 'an agent ': kodey.create_chat needs an agent's id"),
    ],
)
def test_a_target_that_fits_no_event_is_refused(action: Json, target: str, told: str) -> None:
    [(field, problem)] = problems(
        listening(targets=(None, target) if action is COMPANY else (target,)) | {"action": action}
    )

    assert field == ("targets.1" if action is COMPANY else "targets.0")
    assert told in problem


@pytest.mark.parametrize(
    ("action", "target"),
    [
        (COMPANY, "{{ event.account_id }}"),
        (COMPANY, "{{ event.id }}"),
        (COMPANY, "{{ event.data.company }}"),
        (COMPANY, "b{{ event.data.rest }}"),
        (COMPANY, "biz_{{ event.data.id }}"),
        (COMPANY, "biz_abc{{ event.data.id }}"),
        (COMPANY, f"biz_{'x' * 100}{{{{ event.data.nothing_more }}}}"),
        (COMPANY, "{{ event.data.empty }}biz_1"),
        (COMPANY, "biz_{{ slot.date }}"),
        (COMPANY, "{{ join('_', ['biz', 'A']) }}"),
        (COMPANY, "{{ slot.date == '2026-11-27' && 'biz_A' || 'nobody' }}"),
        (COMPANY, "{{ event.type == 'payment.failed' && 'biz_A' || 'nobody' }}"),
        (CHAT, "{{ event.data.chat_id }}"),
        (CHAT, "aich_{{ event.data.id }}"),
        (AGENT, "{{ slot.date }}"),
        (AGENT, "{{ automation }}"),
        (AGENT, "{{ event.account_id }}"),
        (AGENT, "agent-{{ event.data.id }}"),
    ],
)
def test_a_target_that_may_fit_is_taken(action: Json, target: str) -> None:
    assert problems(listening(targets=(target,)) | {"action": action}) == []
