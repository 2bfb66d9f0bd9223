"""Which events an automation asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from aichats.templates.render import EVENT, Evaluator, RenderError, check_expression

_FALSE: tuple[object, ...] = ("", [], {})
"""What JMESPath counts as false, beside `false` and `null`; `&&` and `||` give these."""


def check_filter(text: str) -> None:
    """Check a filter before it is stored: JMESPath whose names are an event's own fields, such as `data.status`.

    Raises:
        TemplateError: it is not JMESPath, too long, or names what no event has; says what is right.
    """
    check_expression(text, EVENT)


def matches(
    event: Mapping[str, Any], events: Sequence[str], filter_: str | None, evaluator: Evaluator | None = None
) -> bool:
    """Whether an automation asks for this event.

    A filter lets an event through with `true`, and holds it back with `false`, `null` or an empty text, list or object.
    Any other value is a mistake in the filter, such as `data.amount` where `data.amount != null` was meant.

    Args:
        event: an event's fields as plain JSON values, `type` among them.
        events: the types that are asked for, to the letter.
        filter_: checked already; `None` for none.
        evaluator: whose budget is used; a fresh one if there is none.

    Raises:
        RenderError: the filter cannot be computed for this event, or gave neither true nor false.
    """
    if event["type"] not in events:
        return False
    if filter_ is None:
        return True
    value = (evaluator or Evaluator()).value(filter_, event)
    if value is None or isinstance(value, bool):
        return value is True
    if value not in _FALSE:
        raise RenderError("is a filter, and gave neither true nor false; compare the value", expression=filter_)
    return False
