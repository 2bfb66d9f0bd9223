"""What can be told of a webhook's texts before there is an event.

An event's data may be anything, so most expressions cannot be tried. Those that read nothing of it can: a text is
refused if it fails for every event that might come. Where that is not sure, it is taken.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any

from pydantic import TypeAdapter

from aichats.automations.model import WebhookTrigger
from aichats.templates.filters import matches
from aichats.templates.render import Evaluator, RenderError, slot_names
from aichats.templates.syntax import parse, parts

_MOMENT: TypeAdapter[datetime] = TypeAdapter(datetime)
"""Writes a moment as it stands in the events that templates see."""

type Part = tuple[str, str]
"""A kind of node in the syntax tree, and the name of its field or function."""

_ANY_VALUE: set[Part] = {
    ("current", ""),
    ("field", "api_version"),
    ("field", "api_version_date"),
    ("field", "data"),
    ("field", "event"),
    ("field", "previous_attributes"),
    ("value_projection", ""),
}
"""What may give any value. A field of `event` that is named is no such part, `event` as a whole is."""
_DECIDING: set[Part] = {
    *((kind, "") for kind in ("and_expression", "comparator", "filter_projection", "not_expression", "or_expression")),
    *(
        ("function_expression", name)
        for name in ("max", "max_by", "min", "min_by", "not_null", "sort", "sort_by", "to_number")
    ),
}
"""What may give values of different types for different texts."""
_EXACT: set[Part] = {("field", "automation"), ("field", "type")}
"""Fields of which every value is among the samples."""
_OF_ONE_FORM = _EXACT | {("field", name) for name in ("date", "iso", "slot", "time", "timestamp", "week")}
"""Fields whose samples look like every other value."""


@dataclass(frozen=True)
class Samples:
    """Events that might come, and what else templates see then."""

    names: Sequence[Mapping[str, Any]]
    evaluator: Evaluator

    def why_no_text(self, text: str) -> str | None:
        """Why an expression of this text fails for every event; `None` if all may work."""
        found = (self._why_never([each], partial(self.evaluator.text, each)) for each in _expressions(text))
        return next(filter(None, found), None)

    def why_no_filter(self, trigger: WebhookTrigger) -> str | None:
        """Why the filter fails for every event; `None` if it may work, or there is none."""
        if trigger.filter is None:
            return None
        return self._why_never(
            [trigger.filter],
            lambda names: matches(names["event"], trigger.events, trigger.filter, self.evaluator),
        )

    def why_never(self, text: str, use: Callable[[Mapping[str, Any]], object]) -> str | None:
        """Why a text cannot be used for any event; `None` if it may, or if it may have a form that no sample has.

        Args:
            text: checked already.
            use: tries it with the names of a sample. It raises RenderError where it fails.
        """
        expressions = _expressions(text)
        return self._why_never(expressions, use) if all(map(_has_one_form, expressions)) else None

    def _why_never(self, expressions: Sequence[str], use: Callable[[Mapping[str, Any]], object]) -> str | None:
        if not all(map(_can_be_tried, expressions)):
            return None
        told = None
        for names in self.names:
            try:
                use(names)
            except RenderError as error:
                told = told or str(error)
            else:
                return None
        # Trying takes more than an event does.
        return None if self.evaluator.is_spent else told


def samples_of(automation: str, events: Sequence[str], now: datetime) -> Samples:
    """Samples for an automation that listens to events of these types."""
    known = {"automation": automation, "target": "biz_1", "slot": slot_names(now, "UTC")}
    accounts = ("biz_1", None)
    moment = _MOMENT.dump_python(now.astimezone(UTC), mode="json")
    names = [known | {"event": _event(type_, account, moment)} for type_, account in product(events, accounts)]
    return Samples(names, Evaluator())


def _event(type_: str, account: str | None, moment: str) -> dict[str, str | None]:
    return {"id": "evt_1", "type": type_, "timestamp": moment, "account_id": account, "company_id": account}


def _expressions(text: str) -> list[str]:
    return [expression for _, expression in parts(text) if expression is not None]


def _has_one_form(expression: str) -> bool:
    """Whether what it gives looks alike for every event, so that a sample shows it."""
    return {part for part in _parts(parse(expression)) if part[0] == "field"} <= _OF_ONE_FORM


def _can_be_tried(expression: str) -> bool:
    """Whether the samples tell for all events whether it works."""
    found = set(_parts(parse(expression)))
    fields = {part for part in found if part[0] == "field"}
    return not found & _ANY_VALUE and (fields <= _EXACT or not found & _DECIDING)


def _parts(node: Any) -> Iterator[Part]:
    """The parts of a syntax tree; `event` only where it is not followed by one of its fields."""
    kind = node["type"]
    yield kind, node["value"] if kind in {"field", "function_expression"} else ""
    children = [child for child in node["children"] if isinstance(child, dict)]
    if kind == "subexpression" and (children[0]["type"], children[0].get("value")) == ("field", "event"):
        children = children[1:]
    for child in children:
        yield from _parts(child)
