"""Templates are rendered, or fail with a reason."""

import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from aichats.templates.budget import BUDGET
from aichats.templates.render import (
    MAX_RENDERED_BYTES,
    SLOT,
    WEBHOOK_NAMES,
    Evaluator,
    RenderError,
    check_expression,
    render,
    render_fields,
    slot_names,
)
from aichats.templates.syntax import MAX_EXPRESSION_CHARACTERS, MAX_EXPRESSIONS

EVENT: dict[str, Any] = {
    "type": "payment.failed",
    "account_id": "biz_A",
    "data": {
        "amount": 12.5,
        "count": 3,
        "paid": False,
        "user": {"name": "Zoë", "email": None},
        "items": [{"name": "tea", "price": 2}, {"name": "cake", "price": 5}],
        "note": "{{ slot.date }} and {{ event.data.count }}",
        "huge": 10**5000,
        "odd name": "yes",
    },
}
NAMES: dict[str, Any] = {
    "slot": slot_names(datetime(2026, 11, 20, 14, tzinfo=UTC), "America/New_York"),
    "target": "biz_A",
    "automation": "weekly",
    "event": EVENT,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Weekly revenue {{ slot.date }}", "Weekly revenue 2026-11-20"),
        ("{{slot.week}}{{slot.time}}", "2026-W4709:00"),
        ("{{ slot.iso }}", "2026-11-20T09:00:00-05:00"),
        ("{{\n  automation\n}} for {{ target }}", "weekly for biz_A"),
        ("{{ event.data.user.name }}", "Zoë"),
        ("{{ event.data.amount }}, {{ event.data.count }}, {{ event.data.paid }}", "12.5, 3, false"),
        ("{{ event.data.user }}", '{"name":"Zoë","email":null}'),
        ("{{ event.data.items[0] }}", '{"name":"tea","price":2}'),
        ("{{ event.data.items[].price }}", "[2,5]"),
        ("{{ event.data.items[:1].name }}", '["tea"]'),
        ("{{ join(', ', event.data.items[].name) }}", "tea, cake"),
        ("{{ join(', ', sort_by(event.data.items, &name)[].name) }}", "cake, tea"),
        ("{{ event.data.items[?price > `3`].name | [0] }}", "cake"),
        ("{{ event.data.user.email || 'unknown' }}", "unknown"),
        ("{{ event.data.nothing.at.all || event.data.count }}", "3"),
        ("{{ sum(event.data.items[*].price) }}", "7"),
        ('{{ event.data."odd name" }}', "yes"),
        ("{{ {who: target, when: {day: slot.date}} }}", '{"who":"biz_A","when":{"day":"2026-11-20"}}'),
        ("{{{who: {is: target}}}}", '{"who":{"is":"biz_A"}}'),
        ('{{ `{"a": "}}"}` }}', '{"a":"}}"}'),
    ],
)
def test_an_expression_is_replaced_by_its_value(template: str, text: str) -> None:
    assert render(template, NAMES, Evaluator()) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("{ single } }} braces }", "{ single } }} braces }"),
        ("{{ '{{' }} and {{ '}}' }} and }}", "{{ and }} and }}"),
        ("{{ 'it\\'s }} quoted' }}", "it's }} quoted"),
        ('{{ `"a\\`}}"` }}', "a`}}"),
        ('{{ {"a}}": target}."a}}" }}', "biz_A"),
        ("{{ event.data.note }}", "{{ slot.date }} and {{ event.data.count }}"),
        ("{{ '{{ target }}' }}", "{{ target }}"),
    ],
)
def test_braces_in_quotes_or_alone_are_text(template: str, text: str) -> None:
    assert render(template, NAMES, Evaluator()) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{{ event.data.user.email }}",
            "'event.data.user.email' is null. Add a default, as in event.data.name || 'unknown'",
        ),
        ("{{ slot.day }}", "'slot.day' is null"),
        ("{{ length(event.data.count) }}", "length() does not accept a value of type number"),
        ("{{ join(', ', event.data.items) }}", "join() does not accept a value of type dict"),
        ("{{ nonsense(target) }}", "cannot be computed from these values"),
        ("{{ event.data.items[::0] }}", "cannot be computed from these values"),
        ("{{ event.data.huge }}", "cannot be written as JSON"),
        ("{{ &target }}", "cannot be written as JSON"),
        ("{{ to_number('1e999') }}", "cannot be written as JSON"),
        ("{{ event..data }}", "'event..data' cannot be evaluated: not valid JMESPath at character 7"),
        ("{{ target", "the text cannot be rendered: `{{` without a closing `}}`"),
        ('{{ `"\\ud800"` }}', "contains half of a surrogate pair"),
    ],
)
def test_an_expression_without_a_text_is_an_error_that_shows_the_expression(template: str, message: str) -> None:
    with pytest.raises(RenderError) as failed:
        render(template, NAMES, Evaluator())
    assert message in str(failed.value)


def test_an_error_shows_nothing_of_the_event() -> None:
    with pytest.raises(RenderError) as failed:
        render("{{ length(event.data.amount) }}", {"event": {"data": {"amount": 4711}}}, Evaluator())
    assert "4711" not in str(failed.value)
    assert (failed.value.__cause__, failed.value.__context__) == (None, None)
    assert failed.value.expression == "length(event.data.amount)"


def test_a_rendered_text_has_a_limit() -> None:
    fits = "x" * MAX_RENDERED_BYTES
    assert render("{{ event }}", {"event": fits}, Evaluator()) == fits
    with pytest.raises(RenderError, match=f"has {MAX_RENDERED_BYTES + 1} bytes after rendering"):
        render("{{ event }}!", {"event": fits}, Evaluator())
    with pytest.raises(RenderError, match="bytes after rendering"):
        render("{{ event }}", {"event": "é" * (MAX_RENDERED_BYTES // 2 + 1)}, Evaluator())


@pytest.mark.parametrize(
    "expression",
    [
        "event|" + "|".join(["[@,@]"] * 40),
        "event|" + "|".join(["[@,@]"] * 40) + "|length(to_string(@))",
        "event|" + "|".join(["{a:@,b:@}"] * 40) + "|{l:@,r:@}|l == r",
        "event.data.items|" + "|".join(["[@[],@[]][]"] * 20),
        "event.data.items|" + "|".join(["map(&`[1,1,1,1,1,1,1,1]`,@)[]"] * 30),
        f"join('{'x' * 900}', event.data.items[].to_string(@))",
    ],
)
def test_an_expression_that_copies_values_endlessly_is_stopped(expression: str) -> None:
    assert len(expression) <= MAX_EXPRESSION_CHARACTERS
    check_expression(expression, WEBHOOK_NAMES)
    with pytest.raises(RenderError, match="takes too many steps"):
        Evaluator(BUDGET // 10).text(expression, {"event": {"data": {"items": list(range(20_000))}}})


def test_a_text_that_would_be_too_long_is_not_built_first() -> None:
    # A gigabyte: the separator is as long as all texts together, and the result contains it between each two of them.
    expression = "['a']" + "|[@,@][]" * 15 + "|{s: join('', @), l: @}|length(join(s, l))"
    check_expression(expression, WEBHOOK_NAMES)
    tracemalloc.start()
    try:
        with pytest.raises(RenderError, match="takes too many steps"):
            Evaluator().value(expression, {})
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "expression",
    [
        "event.data.numbers",
        "event.data.text",
        "length(event.data.numbers[?@ >= `0`])",
        "event.data.numbers[*].[@]|length(@)",
        "event.data.numbers[*].{n: @}|length(@)",
        "event.data.lists[]|length(@)",
        "event.data.numbers|[:]|length(@)",
        "event.data.numbers == event.data.same",
        "event.data.text == event.data.same_text",
        "event.data.text > event.data.same_text",
        "contains(event.data.numbers, 'x')",
        "contains(event.data.text, 'x')",
        "length(to_string(event.data.numbers))",
        "length(reverse(event.data.text))",
        "length(map(&to_array(@), event.data.numbers))",
        "sum(event.data.numbers)",
        "max(event.data.numbers)",
        "length(sort(event.data.numbers))",
        "sort_by(event.data.numbers, &@)[0]",
        "length(join(event.data.text, ['a', 'b']))",
        "length(join('', event.data.texts))",
    ],
)
def test_every_walk_through_many_values_is_paid_for(expression: str) -> None:
    data = {
        "numbers": list(range(1000)),
        "same": list(range(1000)),
        "text": "a" * 4000,
        "same_text": "a" * 3999 + "a",
        "lists": [list(range(1000))],
        "texts": ["abcd"] * 1000,
    }
    names = {"event": {"data": data}}
    evaluator = Evaluator(budget=20_000)
    evaluator.text(expression, names)
    with pytest.raises(RenderError, match="takes too many steps"):
        render(f"{{{{ {expression} }}}}" * 20, names, evaluator)
    assert evaluator.is_spent


@pytest.mark.parametrize(
    "expression",
    [
        "length(event.data.numbers)",
        "event.data.numbers[7]",
        "type(event.data.text)",
        "event.data.text == 'open'",
        "event.data.numbers == `1`",
        "event.data.text.name || 'nobody'",
    ],
)
def test_an_operation_that_walks_through_nothing_costs_little(expression: str) -> None:
    names = {"event": {"data": {"numbers": list(range(10_000)), "text": "a" * 100_000}}}
    evaluator = Evaluator(budget=20_000)
    for _ in range(1000):
        assert evaluator.text(expression, names)


def test_after_the_budget_is_used_up_later_expressions_fail() -> None:
    evaluator = Evaluator(budget=10)
    with pytest.raises(RenderError, match="takes too many steps"):
        render("{{ [target, target, target, target, target, target] }}", NAMES, evaluator)
    with pytest.raises(RenderError, match="takes too many steps"):
        render_fields({"title": "{{ target }}"}, NAMES, evaluator)
    assert render("no expression", NAMES, evaluator) == "no expression"


def test_an_expression_may_walk_through_thousands_of_values() -> None:
    items = [{"name": f"item {number}", "tags": ["a", "b"]} for number in range(5000)]
    expression = "length(event.data.items[?contains(tags, 'b')].{name: name, first: tags[0]})"
    assert Evaluator().value(expression, {"event": {"data": {"items": items}}}) == 5000


def test_expressions_are_limited_in_length_and_number() -> None:
    assert render(f"{{{{'{'x' * (MAX_EXPRESSION_CHARACTERS - 2)}'}}}}", NAMES, Evaluator()) == "x" * (
        MAX_EXPRESSION_CHARACTERS - 2
    )
    with pytest.raises(RenderError, match=f"within {MAX_EXPRESSION_CHARACTERS} characters"):
        render(f"{{{{ {'target ' * MAX_EXPRESSION_CHARACTERS} }}}}", NAMES, Evaluator())
    assert render("{{ target }}" * MAX_EXPRESSIONS, NAMES, Evaluator()) == "biz_A" * MAX_EXPRESSIONS
    with pytest.raises(RenderError, match=f"the text cannot be rendered: more than {MAX_EXPRESSIONS} expressions"):
        render("{{ target }}" * (MAX_EXPRESSIONS + 1), NAMES, Evaluator())


def test_all_texts_of_an_action_are_rendered_and_the_rest_stays() -> None:
    fields = {
        "type": "whop.create_chat",
        "title": "{{ slot.date }}",
        "attachments": ["{{ target }}", "file_1"],
        "metadata": {"{{ target }}": "{{ automation }}", "deep": [[{"n": "{{ event.data.count }}"}]]},
        "count": 5,
        "flag": True,
        "nothing": None,
    }
    assert render_fields(fields, NAMES, Evaluator()) == {
        "type": "whop.create_chat",
        "title": "2026-11-20",
        "attachments": ["biz_A", "file_1"],
        "metadata": {"{{ target }}": "weekly", "deep": [[{"n": "3"}]]},
        "count": 5,
        "flag": True,
        "nothing": None,
    }
    assert fields["title"] == "{{ slot.date }}"


@pytest.mark.parametrize(
    ("slot", "timezone_", "names"),
    [
        (
            datetime(2026, 11, 20, 14, tzinfo=UTC),
            "America/New_York",
            "2026-11-20 09:00 2026-11-20T09:00:00-05:00 2026-W47",
        ),
        (
            datetime(2026, 7, 1, 23, 30, tzinfo=UTC),
            "Europe/London",
            "2026-07-02 00:30 2026-07-02T00:30:00+01:00 2026-W27",
        ),
        (datetime(2027, 1, 1, 12, tzinfo=UTC), "UTC", "2027-01-01 12:00 2027-01-01T12:00:00+00:00 2026-W53"),
        (
            datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
            "America/New_York",
            "2026-11-01 01:30 2026-11-01T01:30:00-05:00 2026-W44",
        ),
        (
            datetime(2026, 11, 20, 14, 0, 0, 401_000, timezone(timedelta(hours=9))),
            "Asia/Kolkata",
            "2026-11-20 10:30 2026-11-20T10:30:00+05:30 2026-W47",
        ),
    ],
    ids=["winter", "another day", "another year's week", "the repeated hour", "another zone and milliseconds"],
)
def test_a_slot_has_the_date_and_time_of_its_zone(slot: datetime, timezone_: str, names: str) -> None:
    found = slot_names(slot, timezone_)
    assert " ".join(found.values()) == names
    assert found.keys() == SLOT.keys()


def test_an_expression_is_paid_for_when_it_is_parsed_and_only_then() -> None:
    evaluator = Evaluator(budget=100)

    for _ in range(3):
        assert evaluator.text("target", {"target": "biz_A"}) == "biz_A"
    assert evaluator.left == 100 - len("target") - 3 * 3

    with pytest.raises(RenderError, match="takes too many steps"):
        evaluator.value("target || " * 10 + "'x'", {"target": "biz_A"})
    assert (evaluator.is_spent, evaluator.left) == (True, 0)
