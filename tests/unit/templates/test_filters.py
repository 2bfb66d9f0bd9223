"""Filters select events, and invalid filters are rejected."""

from typing import Any

import pytest

from aichats.templates.filters import check_filter, matches
from aichats.templates.render import Evaluator, RenderError
from aichats.templates.syntax import MAX_EXPRESSION_CHARACTERS, TemplateError

EVENT: dict[str, Any] = {
    "type": "payment.failed",
    "account_id": "biz_A",
    "data": {"amount": 1200, "status": "open", "zero": 0, "vip": True, "text": "", "items": [], "user": None},
}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["payment.failed"], True),
        (["refund.created", "payment.failed"], True),
        (["payment.succeeded"], False),
        (["payment"], False),
        (["payment.*"], False),
        (["PAYMENT.FAILED"], False),
        ([], False),
    ],
)
def test_without_a_filter_only_the_exact_type_is_selected(events: list[str], *, expected: bool) -> None:
    assert matches(EVENT, events, None, Evaluator()) is expected


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("data.amount > `1000`", True),
        ("data.amount > `5000`", False),
        ("data.status == 'open' && data.vip", True),
        ("data.status == 'open' && data.text", False),
        ("account_id == 'biz_A'", True),
        ("company_id == 'biz_A'", False),
        ("contains(['payment.failed', 'x'], type)", True),
        ("data.vip", True),
        ("!(data.user)", True),
        ("data.user && contains(data.user.name, 'x')", False),
        ("data.user.age > `5`", False),
        ("data.nothing", False),
        ("data.text", False),
        ("data.items", False),
        ("`{}`", False),
        ("`true`", True),
    ],
)
def test_a_filter_accepts_with_true_and_rejects_with_false_values(filter_: str, *, expected: bool) -> None:
    check_filter(filter_)
    assert matches(EVENT, ["payment.failed"], filter_, Evaluator()) is expected


@pytest.mark.parametrize("filter_", ["data.amount", "data.zero", "data.status", "data", "`[0]`", "'true'", "`1`"])
def test_a_filter_that_is_neither_true_nor_false_is_an_error(filter_: str) -> None:
    check_filter(filter_)
    with pytest.raises(RenderError, match=r"is not true or false\. Compare the value") as failed:
        matches(EVENT, ["payment.failed"], filter_, Evaluator())
    assert failed.value.expression == filter_


def test_a_filter_that_cannot_be_computed_is_an_error_that_shows_no_value() -> None:
    with pytest.raises(RenderError) as failed:
        matches(EVENT, ["payment.failed"], "contains(data.amount, 'x')", Evaluator())
    assert str(failed.value) == (
        "\"contains(data.amount, 'x')\" cannot be computed: contains() does not accept a value of type number"
    )


def test_a_filter_is_not_evaluated_for_an_event_of_another_type() -> None:
    assert matches(EVENT, ["refund.created"], "length(data.amount)", Evaluator()) is False


@pytest.mark.parametrize(
    ("filter_", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("data.amount >", "not valid JMESPath at character"),
        ("data.amount > 1000", "not valid JMESPath at character"),
        ("{{ data.amount > `1000` }}", "not valid JMESPath at character"),
        ("event.data.amount > `1000`", "`event` is unknown. Known: account_id, api_version"),
        ("amount > `1000`", "`amount` is unknown. Did you mean `data.amount`?"),
        ("!data.user", "a text, true or false has no fields, so `user` has no value"),
        ("has(data.amount)", "the function has() is unknown"),
        ("data.status == `open`", "Put a text in single quotes"),
        (
            "x" * (MAX_EXPRESSION_CHARACTERS + 1),
            f"{MAX_EXPRESSION_CHARACTERS + 1} characters. At most {MAX_EXPRESSION_CHARACTERS} are allowed",
        ),
    ],
    ids=lambda value: value[:30],
)
def test_an_invalid_filter_is_rejected_with_a_message_that_says_how_to_fix_it(filter_: str, message: str) -> None:
    with pytest.raises(TemplateError) as rejected:
        check_filter(filter_)
    assert message in str(rejected.value)
