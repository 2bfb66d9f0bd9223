"""Which templates are refused when they are written, and what the message says."""

from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ValidationError

from aichats.templates.render import (
    EVENT,
    SCHEDULE_NAMES,
    WEBHOOK_NAMES,
    WEBHOOK_TARGET_NAMES,
    check,
    check_fields,
)
from aichats.templates.syntax import MAX_EXPRESSION, MAX_EXPRESSIONS, TemplateError
from aichats.whop.webhooks import WebhookEvent


@pytest.mark.parametrize(
    "template",
    [
        "",
        "no expression } }} { at all",
        "{{ slot.date }} {{ slot.time }} {{ slot.iso }} {{ slot.week }} {{ slot }}",
        "{{ target || 'none' }} {{ automation }}",
        "{{ '{{' }} {{ '}}' }}",
        "{{ event.data.anything.at.all }} {{ event.id }} {{ event.company_id || event.account_id }}",
        "{{ join(', ', event.data.items[].name) }}",
        "{{ event.data.amount || 'unknown' }}",
        "{{ event.data.items[?price > `3` && !sold].name | [0] }}",
        "{{ event.data.items[*].{what: name, cost: price} }}",
        "{{ event.data.*.name | [] }} {{ event.data.items[1:3] }} {{ event.data.items[-1] }}",
        "{{ max_by(event.data.items, &price).name }} {{ map(&name, event.data.items) }}",
        "{{ !(event.data.sold) }} {{ event.data.sold == `true` }} {{ !target }}",
        f"{{{{ event.data{'.a' * 200} }}}}",
        "{{ [slot.date, target] | join(' ', @) }}",
        "{{ {a: slot.date}.a }} {{ slot.* | [0] }} {{ keys(@) }} {{ @.slot.date }} {{ slot | date }}",
        "{{ not_null(event.data.a, event.data.b, 'c') }} {{ merge(slot, slot, slot) }}",
        '{{ "slot"."date" }} {{ `5` }} {{ `"text"` }}',
    ],
)
def test_a_good_template_passes(template: str) -> None:
    check(template, WEBHOOK_NAMES)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ }}", "'' is empty"),
        ("{{}}", "'' is empty"),
        ("{{ slot.date", "has a {{ that no }} closes"),
        ("{{ slot.date }", "has a {{ that no }} closes"),
        ("{{ slot.date } }", "has a {{ that no }} closes"),
        ("{{ {a: target }}", "has a {{ that no }} closes"),
        ("{{ 'slot }}", "has a {{ whose expression has a ' without its pair"),
        ('{{ "slot }}', 'has a {{ whose expression has a " without its pair'),
        ("{{ `1 }} {{ `2` }}", "has a {{ whose expression has a ` without its pair"),
        ("{{ {{ slot.date }} }}", "is not JMESPath, from character 2 on"),
        ("{{ slot..date }}", "'slot..date' is not JMESPath, from character 6 on"),
        ("{{ slot. }}", "'slot.' is not JMESPath, from character 6 on"),
        ("{{ slot date }}", "'slot date' is not JMESPath, from character 6 on"),
        ("{{ slot.date + 1 }}", "is not JMESPath, from character 11 on"),
        ("{{ slôt }}", "is not JMESPath, from character 3 on"),
        ("{{ `text` }}", "write a text in single quotes"),
        ("{{ slots.date }}", "names 'slots', which is unknown; known: automation, event, slot, target"),
        ("{{ slot.day }}", "names 'day', which is unknown; known: date, iso, time, week"),
        ("{{ slot | day }}", "names 'day', which is unknown; known: date, iso, time, week"),
        ("{{ [slot.day] }}", "names 'day'"),
        ("{{ {day: slot.day} }}", "names 'day'"),
        ("{{ slot.date || slot.day }}", "names 'day'"),
        ("{{ join(', ', [slot.day]) }}", "names 'day'"),
        ("{{ !(slot.day) }}", "names 'day'"),
        ("{{ !event.data }}", "names 'data', which is unknown; what stands before it has no fields"),
        ("{{ (target == 'a').b }}", "names 'b', which is unknown; what stands before it has no fields"),
        ("{{ event.data.items[?price > `3`] || slot.day }}", "names 'day'"),
        ("{{ slots[0] }}", "names 'slots'"),
        ("{{ slots[*].date }}", "names 'slots'"),
        ("{{ slots.* }}", "names 'slots'"),
        ("{{ slots[] }}", "names 'slots'"),
        ("{{ target.name }}", "names 'name', which is unknown; what stands before it has no fields"),
        ("{{ slot.date.year }}", "names 'year', which is unknown; what stands before it has no fields"),
        ("{{ event.amount }}", "names 'amount', which is unknown; known: account_id, api_version, api_version_date"),
        ("{{ uper(target) }}", "calls uper(), which is unknown; known: abs, avg, ceil, contains"),
        ("{{ join(target) }}", "calls join() with 1 arguments; it takes 2"),
        ("{{ length(target, target) }}", "calls length() with 2 arguments; it takes 1"),
        ("{{ not_null() }}", "calls not_null() with 0 arguments; it takes 1 or more"),
        ("{{ event.data.items[?uper(name)] }}", "calls uper()"),
        ("{{ sort_by(event.data.items, &uper(name)) }}", "calls uper()"),
        (f"{{{{ {'(' * 900}target }}}}", "is nested too deeply"),
        (f"{{{{ {'[' * 60}target{']' * 60} }}}}", "is nested too deeply"),
        (f"{{{{ {'a' * MAX_EXPRESSION}b }}}}", f"that no }}}} closes within {MAX_EXPRESSION} characters"),
        ("{{ target }}" * (MAX_EXPRESSIONS + 1), f"has more than {MAX_EXPRESSIONS} expressions"),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_a_wrong_template_is_refused_with_what_would_be_right(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as refused:
        check(template, WEBHOOK_NAMES)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 600


def test_each_trigger_has_its_own_names() -> None:
    with pytest.raises(TemplateError, match="'event', which is unknown; known: automation, slot, target"):
        check("{{ event.id }}", SCHEDULE_NAMES)
    check("{{ target }}", SCHEDULE_NAMES)
    with pytest.raises(TemplateError, match="'target', which is unknown; known: automation, event, slot"):
        check("{{ target }}", WEBHOOK_TARGET_NAMES)
    check("{{ event.account_id }}", WEBHOOK_TARGET_NAMES)


def test_every_wrong_text_of_an_action_is_named_by_its_path() -> None:
    fields = {
        "title": "{{ slot.day }}",
        "message_text": "{{ slot.date }}",
        "attachments": ["fine", "{{ }}"],
        "metadata": {"{{": {"deep": "{{"}},
        "count": 5,
    }
    problems = check_fields(fields, SCHEDULE_NAMES)
    assert [path for path, _ in problems] == ["title", "attachments.1", "metadata.{{.deep"]
    assert problems[1][1] == "'' is empty"


def checked(text: str) -> str:
    check(text, SCHEDULE_NAMES)
    return text


class Titled(BaseModel):
    title: Annotated[str, AfterValidator(checked)]


def test_a_validator_of_pydantic_may_raise_it() -> None:
    assert Titled(title="{{ slot.date }}").title == "{{ slot.date }}"
    with pytest.raises(ValidationError, match=r"Value error, 'slot\.day' names 'day', which is unknown"):
        Titled(title="{{ slot.day }}")


def test_a_text_may_name_each_field_of_an_event_and_no_other() -> None:
    assert set(EVENT) == set(WebhookEvent.model_fields)
