"""Checks and renders templates: texts with JMESPath expressions over the values that are known when a trigger fires.

`Weekly revenue {{ slot.date }}`, `{{ event.data.user.name || 'unknown' }}`, `{{ join(', ', event.data.items[].id) }}`.
A text from an event is inserted as it is. A `{{ }}` inside such a text is not evaluated, because events come from
outside.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jmespath.exceptions import JMESPathError, JMESPathTypeError
from jmespath.functions import Functions

from aichats.errors import AichatsError
from aichats.templates.budget import BUDGET, BoundedInterpreter, BudgetError
from aichats.templates.syntax import TemplateError, parse_jmespath, split_text

MAX_RENDERED_BYTES = 256 * 1024  # of one text. This limits memory; the action's own limits are lower
_MAX_DEPTH = 50  # of a syntax tree
_MAX_SHOWN = 100  # characters
_TOO_MUCH = "takes too many steps. All expressions of an automation share one limit, for all of its targets"

type Shape = Mapping[str, Shape] | None
"""The known fields of a value. A text or a Boolean has none. `None` is the shape of an unknown value."""

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
    """A template or filter has no usable result. The message shows the expression and nothing of the event.

    Attributes:
        expression: the JMESPath expression that failed; `None` if the error is about the whole text.
        field: the field with the text, as a dotted path; `None` if there is no field.
    """

    def __init__(self, problem: str, *, expression: str | None = None) -> None:
        super().__init__(f"the text {problem}" if expression is None else f"{_shown(expression)} {problem}")
        self.expression = expression
        self.field: str | None = None


def slot_names(slot: datetime, timezone: str) -> dict[str, str]:
    """Return the fields of `slot` in templates: date, time, ISO 8601 and ISO week.

    Args:
        slot: the slot, in any time zone.
        timezone: the time zone of the fields, a valid name of the IANA database.
    """
    local = slot.astimezone(ZoneInfo(timezone))
    year, week, _ = local.isocalendar()
    return {
        "date": local.date().isoformat(),
        "time": local.strftime("%H:%M"),
        "iso": local.isoformat(timespec="seconds"),
        "week": f"{year:04}-W{week:02}",
    }


def check(text: str, names: Shape) -> None:
    """Check a text before it is stored.

    Args:
        text: a text with any number of expressions, or with none.
        names: the names that expressions may use, such as `SCHEDULE_NAMES`.

    Raises:
        TemplateError: an expression is not closed, is not valid JMESPath, is too long, or has an unknown name. The
            message says how to fix it.
    """
    for _, expression in split_text(text):
        if expression is not None:
            check_expression(expression, names)


def check_fields(fields: Mapping[str, Any], names: Shape) -> list[tuple[str, str]]:
    """Check every text in a JSON-like value. Return the dotted path and the problem of each invalid text."""
    problems = []
    for path, text in texts(fields):
        try:
            check(text, names)
        except TemplateError as error:
            problems.append((path, str(error)))
    return problems


def check_expression(expression: str, names: Shape) -> None:
    """Check one JMESPath expression, without braces, before it is stored.

    Raises:
        TemplateError: as `check`.
    """
    try:
        _infer(parse_jmespath(expression), names, _MAX_DEPTH)
    except TemplateError as error:
        raise TemplateError(f"{_shown(expression)}: {error}") from None


class Evaluator:
    """Evaluates expressions. Each occurrence of an automation has an evaluator, with one budget for all expressions.

    After the budget is used up, all further expressions fail immediately.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._interpreter = BoundedInterpreter(budget)
        self._tree = cache(self._parsed)
        self.split = cache(lambda text: tuple(split_text(text)))

    @property
    def is_spent(self) -> bool:
        """True if the budget is used up."""
        return self._interpreter.left < 0

    @property
    def left(self) -> int:
        """The remaining budget."""
        return max(0, self._interpreter.left)

    def value(self, expression: str, names: Mapping[str, Any]) -> Any:
        """Return the value of one JMESPath expression.

        Raises:
            RenderError: the value cannot be computed from these names, or the budget is used up.
        """
        try:
            return self._interpreter.visit(self._tree(expression), names)
        except TemplateError as error:
            problem = f"cannot be evaluated: {error}"
        except BudgetError:
            problem = _TOO_MUCH
        except JMESPathTypeError as error:
            # The error's own message would show the value.
            problem = f"cannot be computed: {error.function_name}() does not accept a value of type {error.actual_type}"
        except (JMESPathError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
            problem = "cannot be computed from these values"
        raise RenderError(problem, expression=expression)

    def text(self, expression: str, names: Mapping[str, Any]) -> str:
        """Return the value of one JMESPath expression as text.

        Raises:
            RenderError: the value cannot be computed, is null or cannot be written as JSON.
        """
        value = self.value(expression, names)
        if value is None:
            raise RenderError("is null. Add a default, as in event.data.name || 'unknown'", expression=expression)
        try:
            self._interpreter.pay_for_walk(value)
        except BudgetError:
            raise RenderError(_TOO_MUCH, expression=expression) from None
        return value if isinstance(value, str) else _json(expression, value)

    def _parsed(self, expression: str) -> Any:
        self._interpreter.pay_for_parsing(expression)
        return parse_jmespath(expression)


def render(text: str, names: Mapping[str, Any], evaluator: Evaluator) -> str:
    """Return the text with each `{{ … }}` replaced by its value.

    A text is inserted as it is, a number or a boolean as in JSON, and a list or an object as compact JSON.

    Args:
        text: a checked text.
        names: the values of the names in expressions, as plain JSON values.
        evaluator: the evaluator whose budget is used.

    Raises:
        RenderError: a value is null or cannot be computed, or the result is longer than `MAX_RENDERED_BYTES`.
    """
    try:
        parts = evaluator.split(text)
    except TemplateError as error:
        raise RenderError(f"cannot be rendered: {error}") from None
    rendered = "".join(
        literal + ("" if expression is None else evaluator.text(expression, names)) for literal, expression in parts
    )
    try:
        size = len(rendered.encode())
    except UnicodeEncodeError:
        raise RenderError("contains half of a surrogate pair, which cannot be sent") from None
    if size > MAX_RENDERED_BYTES:
        raise RenderError(f"has {size} bytes after rendering. At most {MAX_RENDERED_BYTES} are allowed")
    return rendered


def render_fields(fields: Mapping[str, Any], names: Mapping[str, Any], evaluator: Evaluator) -> dict[str, Any]:
    """Return the fields of an action with every text rendered, including texts in lists and objects.

    Raises:
        RenderError: as `render`.
    """
    rendered = {}
    for name, value in fields.items():
        try:
            rendered[name] = _rendered(value, names, evaluator)
        except RenderError as error:
            error.field = f"{name}.{error.field}" if error.field else name
            raise
    return rendered


def _shown(expression: str) -> str:
    return repr(expression if len(expression) <= _MAX_SHOWN else expression[:_MAX_SHOWN] + "…")


_BOOLEANS = {"not_expression", "comparator"}  # A Boolean has no fields: !a.b is (!a).b, which is always null.
_CHAINS = {"subexpression", "index_expression", "pipe"}
_PROJECTIONS = {"projection", "value_projection", "filter_projection"}


def _infer(node: Any, current: Shape, depth: int, before: str = "") -> Shape:
    """Return the shape of the value of a node in JMESPath's syntax tree.

    Args:
        node: the node.
        current: the shape of the value that the node is applied to.
        depth: the remaining depth.
        before: the value that the node is applied to as written, such as `slot.date`; empty if it has no simple form.

    Raises:
        TemplateError: a name or a function is unknown, or the tree is too deep.
    """
    if depth == 0:
        raise TemplateError("nested too deeply")
    kind, children = node["type"], node["children"]
    if kind == "field":
        return _field(node["value"], current, before)
    if kind in {"current", "identity"}:
        return current
    if kind in _CHAINS:
        for child in children:
            current = _infer(child, current, depth - 1, before)
            before = _joined(before, _written(child))
        return current
    if kind == "function_expression":
        _check_call(node["value"], len(children))
    for position, child in enumerate(children if kind != "slice" else ()):
        of_elements = kind == "expref" or (kind in _PROJECTIONS and position > 0)
        _infer(child, ANYTHING if of_elements else current, depth - 1)
    return SCALAR if kind in _BOOLEANS else ANYTHING


def _written(node: Any) -> str:
    """Return a chain of fields as written, such as `slot.date`; an empty text for any other node."""
    if node["type"] == "field":
        return str(node["value"])
    if node["type"] != "subexpression":
        return ""
    names = list(map(_written, node["children"]))
    return ".".join(names) if all(names) else ""


def _joined(before: str, name: str) -> str:
    return f"{before}.{name}" if before and name else name


def _field(name: str, current: Shape, before: str) -> Shape:
    if current is None:
        return ANYTHING
    if name in current:
        return current[name]
    if not current:
        if before:
            raise TemplateError(f"`{before}` is a text and has no field `{name}`")
        raise TemplateError(f"a text, true or false has no fields, so `{name}` has no value")
    raise TemplateError(f"`{_joined(before, name)}` is unknown. {_suggestion(name, current, before)}")


def _suggestion(name: str, known: Iterable[str], before: str = "") -> str:
    """Return a question with the name that was probably meant, if there is one, and a list of all known names."""
    from difflib import get_close_matches

    nearest = get_close_matches(name, known, n=1, cutoff=0.7)
    if not nearest and "data" in known and name != "event":
        nearest = [f"data.{name}"]  # The content of an event is in its field `data`.
    question = f"Did you mean `{_joined(before, nearest[0])}`? " if nearest else ""
    return f"{question}Known: {', '.join(sorted(known))}"


def _check_call(name: str, arguments: int) -> None:
    function = Functions.FUNCTION_TABLE.get(name)
    if function is None:
        raise TemplateError(f"the function {name}() is unknown. {_suggestion(name, Functions.FUNCTION_TABLE)}")
    least = len(function["signature"])
    variadic = bool(function["signature"][-1].get("variadic"))
    if arguments < least or (arguments > least and not variadic):
        expected = "1 argument" if (least, variadic) == (1, False) else f"{least}{' or more' * variadic} arguments"
        raise TemplateError(f"{name}() needs {expected}, but has {arguments}")


def _json(expression: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise RenderError("has a value that cannot be written as JSON", expression=expression) from None


def _rendered(value: Any, names: Mapping[str, Any], evaluator: Evaluator) -> Any:
    if isinstance(value, str):
        return render(value, names, evaluator)
    if isinstance(value, Mapping):
        return render_fields(value, names, evaluator)
    if isinstance(value, list):
        items = render_fields({str(index): item for index, item in enumerate(value)}, names, evaluator)
        return list(items.values())
    return value


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text in a JSON-like value, with its dotted path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from texts(item, f"{path}.{key}" if path else str(key))
