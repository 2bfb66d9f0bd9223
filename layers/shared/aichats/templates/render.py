"""`{{ … }}` in an action's texts: JMESPath over what is known when a trigger fires.

`Weekly revenue {{ slot.date }}`, `{{ event.data.user.name || 'Somebody' }}`, `{{ join(', ', event.data.items[].id) }}`.
What was rendered is never rendered again: events come from outside, and what they hold comes out as it is.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, reduce
from typing import Any
from zoneinfo import ZoneInfo

from jmespath.exceptions import JMESPathError, JMESPathTypeError
from jmespath.functions import Functions

from aichats.errors import AichatsError
from aichats.templates.budget import BUDGET, BoundedInterpreter, BudgetError
from aichats.templates.syntax import TemplateError, parse, parts

MAX_RENDERED_BYTES = 256 * 1024  # of one text: it bounds memory; the action's own limits are lower, and come afterwards
_MAX_DEPTH = 50  # of a syntax tree
_MAX_SHOWN = 100  # characters
_TOO_MUCH = "takes too much work: all expressions of an automation share one budget, for all of its targets"

type Shape = Mapping[str, Shape] | None
"""What is known of a value: its fields, none for a text or a boolean; `None` where anything may be."""

ANYTHING: Shape = None
SCALAR: Shape = {}
SLOT: Mapping[str, Shape] = {"date": SCALAR, "time": SCALAR, "iso": SCALAR, "week": SCALAR}
EVENT: Mapping[str, Shape] = dict.fromkeys(
    [
        "id",
        "type",
        "timestamp",
        "data",
        "account_id",
        "company_id",
        "api_version",
        "api_version_date",
        "previous_attributes",
    ],
    ANYTHING,
)
"""The fields of Whop's webhook events. A test compares them with :class:`~aichats.whop.webhooks.WebhookEvent`."""
SCHEDULE_NAMES: Mapping[str, Shape] = {"slot": SLOT, "automation": SCALAR, "target": SCALAR}
WEBHOOK_TARGET_NAMES: Mapping[str, Shape] = {"slot": SLOT, "automation": SCALAR, "event": EVENT}
WEBHOOK_NAMES: Mapping[str, Shape] = {**WEBHOOK_TARGET_NAMES, "target": SCALAR}


class RenderError(AichatsError):
    """A template or filter gave nothing usable. The message shows the expression, and nothing of the event.

    Attributes:
        expression: the JMESPath expression, if it was a single one.
        field: where it was, as a dotted path; None where it was in no field.
    """

    def __init__(self, problem: str, *, expression: str | None = None) -> None:
        super().__init__(f"the text {problem}" if expression is None else f"{_shown(expression)} {problem}")
        self.expression = expression
        self.field: str | None = None


def slot_names(slot: datetime, timezone: str) -> dict[str, str]:
    """What `slot` holds for templates: date, time, ISO 8601 and ISO week, by the clocks of the zone `timezone`.

    The slot has a time zone, any; `timezone` is a name of the IANA database, checked already.
    """
    local = slot.astimezone(ZoneInfo(timezone))
    year, week, _ = local.isocalendar()
    return {
        "date": local.date().isoformat(),
        "time": local.strftime("%H:%M"),
        "iso": local.isoformat(timespec="seconds"),
        "week": f"{year:04}-W{week:02}",
    }


def check(text: str, known: Shape) -> None:
    """Check a text before it is stored.

    Args:
        text: with any number of `{{ … }}`, also none.
        known: the names that there will be, such as `SCHEDULE_NAMES`.

    Raises:
        TemplateError: it is not closed, not JMESPath, too long, or names what is not there; says what is.
    """
    for _, expression in parts(text):
        if expression is not None:
            check_expression(expression, known)


def check_fields(fields: Mapping[str, Any], known: Shape) -> list[tuple[str, str]]:
    """Check every text of an action. Gives (dotted path, problem) for each wrong one, as `InputError` takes them."""
    problems = []
    for path, text in texts(fields):
        try:
            check(text, known)
        except TemplateError as error:
            problems.append((path, str(error)))
    return problems


def check_expression(expression: str, known: Shape) -> None:
    """Check one JMESPath expression, without braces, before it is stored.

    Raises:
        TemplateError: as `check`.
    """
    try:
        _infer(parse(expression), known, _MAX_DEPTH)
    except TemplateError as error:
        raise TemplateError(f"{_shown(expression)} {error}") from None


class Evaluator:
    """Computes expressions, all of them with one budget: one evaluator for each occurrence and automation.

    Once the budget is used up, whatever is left fails at once.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._interpreter = BoundedInterpreter(budget)
        self._tree = cache(self._parsed)
        self.parts = cache(lambda text: tuple(parts(text)))

    @property
    def is_spent(self) -> bool:
        """Whether the budget is used up."""
        return self._interpreter.left < 0

    @property
    def left(self) -> int:
        """What is left of the budget."""
        return max(0, self._interpreter.left)

    def value(self, expression: str, names: Mapping[str, Any]) -> Any:
        """The value of one JMESPath expression.

        Raises:
            RenderError: it cannot be computed from these names, such as `length` of a number, or takes too much work.
        """
        try:
            return self._interpreter.visit(self._tree(expression), names)
        except TemplateError as error:
            problem = str(error)
        except BudgetError:
            problem = _TOO_MUCH
        except JMESPathTypeError as error:
            # The error's own message would show the value.
            problem = f"cannot be computed: {error.function_name}() does not take a value of type {error.actual_type}"
        except (JMESPathError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            problem = f"cannot be computed ({type(error).__name__})"
        raise RenderError(problem, expression=expression)

    def text(self, expression: str, names: Mapping[str, Any]) -> str:
        """The value of one JMESPath expression, as it is written into a text.

        Raises:
            RenderError: as `value`; or the value is null or cannot be written.
        """
        value = self.value(expression, names)
        if value is None:
            raise RenderError(
                "is null; a default can follow, as in event.data.name || 'unknown'", expression=expression
            )
        try:
            self._interpreter.pay_for_all_in(value)
        except BudgetError:
            raise RenderError(_TOO_MUCH, expression=expression) from None
        return value if isinstance(value, str) else _json(expression, value)

    def _parsed(self, expression: str) -> Any:
        self._interpreter.pay_for_parsing(expression)
        return parse(expression)


def render(text: str, names: Mapping[str, Any], evaluator: Evaluator | None = None) -> str:
    """The text with each `{{ … }}` replaced by its value.

    A text comes out as it is, a number or a boolean as in JSON, a list or an object as compact JSON.

    Args:
        text: checked already.
        names: what expressions see; plain JSON values.
        evaluator: whose budget is used; a fresh one if there is none.

    Raises:
        RenderError: a value is null or cannot be computed, or the text gets longer than `MAX_RENDERED_BYTES`.
    """
    evaluator = evaluator or Evaluator()
    try:
        found = evaluator.parts(text)
    except TemplateError as error:
        raise RenderError(str(error)) from None
    rendered = "".join(
        literal + ("" if expression is None else evaluator.text(expression, names)) for literal, expression in found
    )
    try:
        size = len(rendered.encode())
    except UnicodeEncodeError:
        raise RenderError("holds half a surrogate pair, which cannot be sent") from None
    if size > MAX_RENDERED_BYTES:
        raise RenderError(f"has {size} bytes after rendering, and {MAX_RENDERED_BYTES} are allowed")
    return rendered


def render_fields(
    fields: Mapping[str, Any], names: Mapping[str, Any], evaluator: Evaluator | None = None
) -> dict[str, Any]:
    """An action with every text in it rendered, in lists and objects too; names of fields and other values stay.

    Raises:
        RenderError: as `render`.
    """
    evaluator = evaluator or Evaluator()
    rendered = {}
    for name, value in fields.items():
        try:
            rendered[name] = _rendered(value, names, evaluator)
        except RenderError as error:
            error.field = name
            raise
    return rendered


def _shown(expression: str) -> str:
    return repr(expression if len(expression) <= _MAX_SHOWN else expression[:_MAX_SHOWN] + "…")


_BOOLEANS = {"not_expression", "comparator"}  # such as !a, after which .b finds nothing: !a.b is (!a).b
_CHAINS = {"subexpression", "index_expression", "pipe"}
_PROJECTIONS = {"projection", "value_projection", "filter_projection"}


def _infer(node: Any, current: Shape, depth: int) -> Shape:
    """What is known of the value of a node in JMESPath's syntax tree; its names are looked up in `current`."""
    if depth == 0:
        raise TemplateError("is nested too deeply")
    kind, children = node["type"], node["children"]
    if kind == "field":
        return _field(node["value"], current)
    if kind in {"current", "identity"}:
        return current
    if kind in _CHAINS:
        return reduce(lambda found, child: _infer(child, found, depth - 1), children, current)
    if kind == "function_expression":
        _check_call(node["value"], len(children))
    for position, child in enumerate(children if kind != "slice" else ()):
        of_elements = kind == "expref" or (kind in _PROJECTIONS and position > 0)
        _infer(child, ANYTHING if of_elements else current, depth - 1)
    return SCALAR if kind in _BOOLEANS else ANYTHING


def _field(name: str, current: Shape) -> Shape:
    if current is None:
        return ANYTHING
    if name not in current:
        known = f"known: {', '.join(sorted(current))}" if current else "what stands before it has no fields"
        raise TemplateError(f"names {name!r}, which is unknown; {known}")
    return current[name]


def _check_call(name: str, arguments: int) -> None:
    function = Functions.FUNCTION_TABLE.get(name)
    if function is None:
        raise TemplateError(f"calls {name}(), which is unknown; known: {', '.join(sorted(Functions.FUNCTION_TABLE))}")
    least = len(function["signature"])
    more = bool(function["signature"][-1].get("variadic"))
    if arguments < least or (arguments > least and not more):
        raise TemplateError(f"calls {name}() with {arguments} arguments; it takes {least}{' or more' if more else ''}")


def _json(expression: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise RenderError("cannot be written as JSON", expression=expression) from None


def _rendered(value: Any, names: Mapping[str, Any], evaluator: Evaluator) -> Any:
    if isinstance(value, str):
        return render(value, names, evaluator)
    if isinstance(value, Mapping):
        return render_fields(value, names, evaluator)
    return [_rendered(item, names, evaluator) for item in value] if isinstance(value, list) else value


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a JSON-like value, with its dotted path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from texts(item, f"{path}.{key}" if path else str(key))
