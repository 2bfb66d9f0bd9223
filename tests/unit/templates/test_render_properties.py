"""Rendering keeps its promises for random templates, names and events."""

import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aichats.templates.filters import check_filter, matches
from aichats.templates.render import WEBHOOK_NAMES, Evaluator, RenderError, check, render, render_fields
from aichats.templates.syntax import TemplateError

same_each_time = settings(derandomize=True, deadline=None, max_examples=100)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
BRACED = st.lists(TEXTS | st.sampled_from(["{{", "}}", "{", "}", "{{ slot.date }}", "{{ event }}", "'"])).map("".join)


def values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=10
    )


VALUES = values(BRACED)
SYNTAX = """
slot event data target a . [ ] [] [? * @ & | || && ! == < ( ) { } : , ' " ` 'text' `1` `[]` -1 0 \\ é
length( join( sort_by( map(& max_by( to_number( avg( keys( contains( sum( merge(
"""
PIECES = st.sampled_from([*SYNTAX.split(), " ", "\n"])
EXPRESSIONS = st.lists(PIECES, max_size=14).map("".join)


@same_each_time
@given(TEXTS.filter(lambda text: "{{" not in text))
def test_a_text_without_double_braces_is_unchanged_and_needs_no_names(text: str) -> None:
    check(text, {})
    assert render(text, {}, Evaluator()) == text


@same_each_time
@given(before=TEXTS, value=BRACED, after=TEXTS)
def test_text_from_an_event_is_inserted_as_it_is(before: str, value: str, after: str) -> None:
    assume("{" not in before)
    assume("{" not in after)
    names = {"event": {"data": {"value": value}}, "slot": {"date": "rendered twice"}}
    assert render(f"{before}{{{{ event.data.value }}}}{after}", names, Evaluator()) == f"{before}{value}{after}"


@same_each_time
@given(VALUES.filter(lambda value: value is not None and not isinstance(value, str)))
def test_other_values_are_inserted_as_the_same_json(value: Any) -> None:
    text = render("{{ event }}", {"event": value}, Evaluator())
    assert json.loads(text) == value
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@same_each_time
@given(BRACED)
def test_any_text_can_be_written_as_a_quoted_expression(value: str) -> None:
    # Single quotes have only one escape, for the quote. So a text that ends with a backslash cannot be quoted.
    assume("\\" not in value)
    quoted = value.replace("'", "\\'")
    assume(len(quoted) < 900)
    template = f"{{{{ '{quoted}' }}}}"
    check(template, {})
    assert render(template, {}, Evaluator()) == value


@same_each_time
@given(template=st.lists(EXPRESSIONS.map("{{{{ {} }}}}".format) | TEXTS | st.just("{{")).map("".join), value=VALUES)
def test_a_template_renders_or_fails_alike_each_time_and_changes_no_names(template: str, value: Any) -> None:
    names = {"slot": {"date": "2026-11-20"}, "target": "biz_A", "event": {"data": value}}
    before = json.dumps(names)
    assert outcome(template, names) == outcome(template, names)
    assert json.dumps(names) == before


@same_each_time
@given(expression=EXPRESSIONS, value=VALUES)
def test_a_syntax_error_at_run_time_was_rejected_at_the_check(expression: str, value: Any) -> None:
    names = {"slot": {"date": "2026-11-20"}, "target": "biz_A", "automation": "weekly", "event": {"data": value}}
    template = f"{{{{ {expression} }}}}"
    try:
        check(template, WEBHOOK_NAMES)
    except TemplateError:
        return
    failure = str(outcome(template, names))
    assert "JMESPath" not in failure
    assert "UnknownFunctionError" not in failure
    assert "ArityError" not in failure


@same_each_time
@given(expression=EXPRESSIONS, value=VALUES)
def test_a_filter_is_true_or_false_or_fails_as_promised(expression: str, value: Any) -> None:
    try:
        check_filter(expression)
        passes = matches({"type": "a", "data": value}, ["a"], expression, Evaluator())
    except (TemplateError, RenderError):
        return
    assert passes in {True, False}


@same_each_time
@given(st.dictionaries(TEXTS, values(TEXTS.filter(lambda text: "{{" not in text)), max_size=4))
def test_an_action_without_templates_is_unchanged(fields: dict[str, Any]) -> None:
    assert render_fields(fields, {}, Evaluator()) == fields


def outcome(template: str, names: dict[str, Any]) -> object:
    try:
        return render(template, names, Evaluator())
    except RenderError as error:
        return str(error), error.expression
