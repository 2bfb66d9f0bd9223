"""Invalid templates are rejected before they are stored, with a message that says how to fix them."""

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
from aichats.templates.syntax import MAX_EXPRESSION_CHARACTERS, MAX_EXPRESSIONS, TemplateError
from aichats.whop.event_models import WebhookEvent


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
def test_a_valid_template_passes(template: str) -> None:
    check(template, WEBHOOK_NAMES)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ }}", "'': the expression is empty"),
        ("{{}}", "'': the expression is empty"),
        ("{{ slot.date", "`{{` without a closing `}}`"),
        ("{{ slot.date }", "`{{` without a closing `}}`"),
        ("{{ slot.date } }", "`{{` without a closing `}}`"),
        ("{{ {a: target }}", "`{{` without a closing `}}`"),
        ("{{ 'slot }}", "`{{` is followed by an expression with an unclosed '"),
        ('{{ "slot }}', '`{{` is followed by an expression with an unclosed "'),
        ("{{ `1 }} {{ `2` }}", "`{{` is followed by an expression with an unclosed `"),
        ("{{ {{ slot.date }} }}", "not valid JMESPath at character 2"),
        ("{{ slot..date }}", "'slot..date': not valid JMESPath at character 6"),
        ("{{ slot. }}", "'slot.': not valid JMESPath at character 6"),
        ("{{ slot date }}", "'slot date': not valid JMESPath at character 6"),
        ("{{ slot.date + 1 }}", "not valid JMESPath at character 11"),
        ("{{ slôt }}", "not valid JMESPath at character 3"),
        ("{{ `text` }}", "Put a text in single quotes, as in 'text'"),
        ("{{ slots.date }}", "`slots` is unknown. Did you mean `slot`? Known: automation, event, slot, target"),
        ("{{ slot.day }}", "`slot.day` is unknown. Known: date, iso, time, week"),
        ("{{ slot | day }}", "`slot.day` is unknown. Known: date, iso, time, week"),
        ("{{ [slot.day] }}", "`slot.day` is unknown"),
        ("{{ {day: slot.day} }}", "`slot.day` is unknown"),
        ("{{ slot.date || slot.day }}", "`slot.day` is unknown"),
        ("{{ join(', ', [slot.day]) }}", "`slot.day` is unknown"),
        ("{{ !(slot.day) }}", "`slot.day` is unknown"),
        ("{{ slot.dates }}", "`slot.dates` is unknown. Did you mean `slot.date`? Known: date, iso, time, week"),
        ("{{ event.dat.amount }}", "`event.dat` is unknown. Did you mean `event.data`? Known: account_id"),
        ("{{ lenght(target) }}", "the function lenght() is unknown. Did you mean `length`? Known: abs, avg"),
        ("{{ event.data.a > 1000 }}", "at character 16. Put numbers in backticks: event.data.a > `1000`"),
        (
            "{{ event.data.a == '> 5' && event.data.b != -1.5 }}",
            "Put numbers in backticks: event.data.a == '> 5' && event.data.b != `-1.5`",
        ),
        ("{{ slot.date.upper }}", "`slot.date` is a text and has no field `upper`"),
        ("{{ !event.data }}", "a text, true or false has no fields, so `data` has no value"),
        ("{{ (target == 'a').b }}", "a text, true or false has no fields, so `b` has no value"),
        ("{{ event.data.items[?price > `3`] || slot.day }}", "`slot.day` is unknown"),
        ("{{ slots[0] }}", "`slots` is unknown"),
        ("{{ slots[*].date }}", "`slots` is unknown"),
        ("{{ slots.* }}", "`slots` is unknown"),
        ("{{ slots[] }}", "`slots` is unknown"),
        ("{{ target.name }}", "`target` is a text and has no field `name`"),
        ("{{ slot.date.year }}", "`slot.date` is a text and has no field `year`"),
        (
            "{{ event.amount }}",
            "`event.amount` is unknown. Did you mean `event.data.amount`? Known: account_id, api_version,",
        ),
        ("{{ uper(target) }}", "the function uper() is unknown. Known: abs, avg, ceil, contains"),
        ("{{ join(target) }}", "join() needs 2 arguments, but has 1"),
        ("{{ length(target, target) }}", "length() needs 1 argument, but has 2"),
        ("{{ not_null() }}", "not_null() needs 1 or more arguments, but has 0"),
        ("{{ event.data.items[?uper(name)] }}", "the function uper() is unknown"),
        ("{{ sort_by(event.data.items, &uper(name)) }}", "the function uper() is unknown"),
        (f"{{{{ {'(' * 900}target }}}}", "nested too deeply"),
        (f"{{{{ {'[' * 60}target{']' * 60} }}}}", "nested too deeply"),
        (
            f"{{{{ {'a' * MAX_EXPRESSION_CHARACTERS}b }}}}",
            f"`{{{{` without a closing `}}}}` within {MAX_EXPRESSION_CHARACTERS} characters",
        ),
        ("{{ target }}" * (MAX_EXPRESSIONS + 1), f"more than {MAX_EXPRESSIONS} expressions in one text"),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_an_invalid_template_is_rejected_with_a_message_that_says_how_to_fix_it(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as error:
        check(template, WEBHOOK_NAMES)
    assert message in str(error.value)
    assert len(str(error.value)) < 600


def test_each_trigger_has_its_own_names() -> None:
    with pytest.raises(TemplateError, match=r"`event` is unknown\. Known: automation, slot, target"):
        check("{{ event.id }}", SCHEDULE_NAMES)
    check("{{ target }}", SCHEDULE_NAMES)
    with pytest.raises(TemplateError, match=r"`target` is unknown\. Known: automation, event, slot"):
        check("{{ target }}", WEBHOOK_TARGET_NAMES)
    check("{{ event.account_id }}", WEBHOOK_TARGET_NAMES)


def test_each_invalid_text_of_an_action_is_named_by_its_path() -> None:
    fields = {
        "title": "{{ slot.day }}",
        "message_text": "{{ slot.date }}",
        "attachments": ["fine", "{{ }}"],
        "metadata": {"{{": {"deep": "{{"}},
        "count": 5,
    }
    problems = check_fields(fields, SCHEDULE_NAMES)
    assert [path for path, _ in problems] == ["title", "attachments.1", "metadata.{{.deep"]
    assert problems[1][1] == "'': the expression is empty"


def checked(text: str) -> str:
    check(text, SCHEDULE_NAMES)
    return text


class Titled(BaseModel):
    title: Annotated[str, AfterValidator(checked)]


def test_a_validator_of_pydantic_may_raise_it() -> None:
    assert Titled(title="{{ slot.date }}").title == "{{ slot.date }}"
    with pytest.raises(ValidationError, match=r"Value error, 'slot\.day': `slot\.day` is unknown"):
        Titled(title="{{ slot.day }}")


def test_a_text_may_name_each_field_of_an_event_and_no_other() -> None:
    assert set(EVENT) == set(WebhookEvent.model_fields)
