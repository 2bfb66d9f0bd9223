"""Filters, with which an automation selects events."""

from collections.abc import Mapping, Sequence
from typing import Any

from aichats.templates.render import EVENT, Evaluator, RenderError, check_expression

_FALSE: tuple[object, ...] = ("", [], {})
"""Values that JMESPath treats as false, besides `false` and `null`. `&&` and `||` can return them."""


def check_filter(text: str) -> None:
    """Check a filter before it is stored. A filter uses the fields of an event, such as `data.status`.

    Raises:
        TemplateError: the filter is not valid JMESPath, is too long, or has an unknown name. The message says how to
            fix it.
    """
    check_expression(text, EVENT)


def matches(event: Mapping[str, Any], events: Sequence[str], filter_: str | None, evaluator: Evaluator) -> bool:
    """Return whether an automation selects this event.

    A filter selects an event if its value is `true`. It rejects the event if its value is `false`, `null` or an empty
    text, list or object. Any other value is a mistake, such as `data.amount` instead of `data.amount != null`.

    Args:
        event: the fields of the event as plain JSON values, with `type`.
        events: the selected event types.
        filter_: a checked filter; `None` if the automation has no filter.
        evaluator: the evaluator whose budget is used.

    Raises:
        RenderError: the filter cannot be evaluated for this event, or is neither true nor false.
    """
    if event["type"] not in events:
        return False
    if filter_ is None:
        return True
    value = evaluator.value(filter_, event)
    if value is None or isinstance(value, bool):
        return value is True
    if value not in _FALSE:
        raise RenderError("is not true or false. Compare the value, as in data.amount > `0`", expression=filter_)
    return False
