"""The parts of an event that expressions use, and the same results with only these parts."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aichats.templates.paths import Path, is_covered, pruned, used_paths, used_paths_of_text
from aichats.templates.render import Evaluator, RenderError
from aichats.templates.syntax import TemplateError, parse_jmespath

EVENT = {
    "id": "evt_1",
    "data": {
        "id": "pay_1",
        "amount": 12.5,
        "user": {"name": "Zoë", "email": "zoe@example.com"},
        "items": [{"id": 1, "tags": ["a"]}, {"id": 2, "tags": []}],
    },
}


@pytest.mark.parametrize(
    ("expression", "used"),
    [
        ("data.user.name", ["data.user.name"]),
        ("data.user.name || 'you'", ["data.user.name"]),
        ("data.amount > `10` && id != 'x'", ["data.amount", "id"]),
        ("data.items[0].id", ["data.items"]),
        ("data.items[].id", ["data.items"]),
        ("data.items[?id == `1`].tags", ["data.items"]),
        ("data.items[1:]", ["data.items"]),
        ("data.*.name", ["data"]),
        ("sort_by(data.items, &id)[0].tags", ["data.items"]),
        ("data.[amount, user.name]", ["data.amount", "data.user.name"]),
        ("data.{a: amount}", ["data.amount"]),
        ("data | user.name", ["data.user.name"]),
        ("keys(data)", ["data"]),
        ("@", [""]),
        ("'text'", []),
        ('data."user-name"', ["data.user-name"]),
        ("not valid", []),
    ],
)
def test_an_expression_uses_the_longest_path_up_to_the_first_other_operation(expression: str, used: list[str]) -> None:
    assert sorted(map(".".join, used_paths(expression))) == used


def test_a_text_uses_the_paths_of_all_its_expressions() -> None:
    assert used_paths_of_text("{{ event.id }} of {{ slot.date }}: {{ event.data }}") == {
        ("event", "id"),
        ("slot", "date"),
        ("event", "data"),
    }
    assert used_paths_of_text("{{ event.id") == set()


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ([("id",)], {"id": "evt_1"}),
        ([("data", "user", "name"), ("data", "amount")], {"data": {"amount": 12.5, "user": {"name": "Zoë"}}}),
        ([("data", "user"), ("data", "user", "name")], {"data": {"user": {"name": "Zoë", "email": "zoe@example.com"}}}),
        ([("data", "nobody", "name"), ("nothing",)], {"data": {}}),
        ([("id", "deeper")], {}),
        ([()], EVENT),
        ([], {}),
    ],
)
def test_only_the_parts_at_paths_are_kept(paths: list[Path], kept: object) -> None:
    assert pruned(EVENT, paths) == kept


def test_a_path_is_covered_by_itself_and_by_the_parts_that_contain_it() -> None:
    by = [("data", "user"), ("id",)]

    assert all(is_covered(path, by) for path in [("data", "user"), ("data", "user", "name"), ("id",)])
    assert not any(is_covered(path, by) for path in [("data",), ("data", "users"), ()])
    assert is_covered((), [()])


NAMES = ["id", "data", "user", "name", "email", "items", "tags", "amount", "missing"]
CHAINS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(".".join) | st.sampled_from(
    ["data.items", "data.user", "data.user.name", "data.amount"]
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return larger expressions that contain these."""
    pairs = st.tuples(inner, inner)
    forms = ["{}.{}", "{} | {}", "{} || {}", "{} && {}", "{} == {}", "[{}, {}]", "{{a: {}, b: {}}}", "{}[?{}]"]
    forms += ["map(&{}, {})", "sort_by({1}, &{0})", "merge({}, {})", "{}[].[{}]", "{}.*.{}", "not_null({}, {})"]
    single = ["({})", "!{}", "{}[0]", "{}[1:]", "{}[]", "{}[*]", "{}.*", "{} | @", "length({})", "keys({})", "type({})"]
    single += ["to_string({})", "{}[::-1]", "{}.[@]", "values({})", "@.{}", "{}[*].id", "{}[-1].tags[]"]
    return st.one_of(
        st.builds(lambda form, pair: form.format(*pair), st.sampled_from(forms), pairs),
        st.builds(lambda form, one: form.format(one), st.sampled_from(single), inner),
    )


EXPRESSIONS = st.recursive(CHAINS | st.sampled_from(["@", "'x'", "`1`"]), _grown, max_leaves=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "a", "Zoë"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
EVENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5) | st.just(EVENT)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(expression=EXPRESSIONS, event=EVENTS)
@example("data.user.name", {"data": "a text"})
@example("data.items[0].id", EVENT)
@example("data.items[1:]", EVENT)
@example("data.items[?id == `1`].tags | [0]", EVENT)
def test_an_expression_has_the_same_value_for_the_parts_of_an_event_that_it_uses(expression: str, event: Any) -> None:
    try:
        parse_jmespath(expression)
    except TemplateError:
        return
    kept = pruned(event, used_paths(expression))

    assert outcome(expression, kept) == outcome(expression, event)


def outcome(expression: str, event: Any) -> tuple[str, int]:
    """Return the value of an expression or its error, and the budget that is left."""
    evaluator = Evaluator(10_000)
    try:
        value = evaluator.value(expression, event)
    except RenderError as error:
        return f"error {error}", evaluator.left
    return f"value {value}", evaluator.left
