"""`{{ … }}` in an action's texts: JMESPath over what is known when a trigger fires.

`Weekly revenue {{ slot.date }}`, `{{ event.data.user.name || 'Somebody' }}`, `{{ join(', ', event.data.items[].id) }}`.
An expression ends at the first `}}` that stands in no quotes and no braces of its own, so `{{ '{{' }}` writes `{{`.
A `}}` outside of expressions is text like any other. What was rendered is never rendered again: events come from
outside, and what they hold comes out as it is.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

import jmespath
from jmespath.exceptions import JMESPathError, JMESPathTypeError, ParseError
from jmespath.functions import Functions

from aichats.automations.interpreter import BoundedInterpreter, BudgetError
from aichats.errors import AichatsError
from aichats.whop.webhooks import WebhookEvent

MAX_EXPRESSION = 1000  # characters
MAX_EXPRESSIONS = 50  # in one text
MAX_RENDERED_BYTES = 256 * 1024  # of one text: it bounds memory; the action's own limits are lower, and come afterwards
_MAX_DEPTH = 50  # of a syntax tree
_MAX_SHOWN = 100  # characters

type Shape = Mapping[str, Shape] | None
"""What is known of a value: its fields, none for a text or a boolean; `None` where anything may be."""

ANYTHING: Shape = None
SCALAR: Shape = {}
SLOT: Mapping[str, Shape] = {"date": SCALAR, "time": SCALAR, "iso": SCALAR, "week": SCALAR}
EVENT: Mapping[str, Shape] = dict.fromkeys(WebhookEvent.model_fields, ANYTHING)
SCHEDULE_NAMES: Mapping[str, Shape] = {"slot": SLOT, "automation": SCALAR, "target": SCALAR}
WEBHOOK_TARGET_NAMES: Mapping[str, Shape] = {"slot": SLOT, "automation": SCALAR, "event": EVENT}
WEBHOOK_NAMES: Mapping[str, Shape] = {**WEBHOOK_TARGET_NAMES, "target": SCALAR}


class TemplateError(AichatsError, ValueError):
    """A template or filter is wrong as it was written. It is a ValueError, so that pydantic validators may raise it."""


class RenderError(AichatsError):
    """A template or filter gave nothing usable. The message shows the expression, and nothing of the event.

    Attributes:
        expression: the JMESPath expression, if it was a single one.
        field: of the action, if it was in one.
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
    for _, expression in _parts(text):
        if expression is not None:
            check_expression(expression, known)


def check_fields(fields: Mapping[str, Any], known: Shape) -> list[tuple[str, str]]:
    """Check every text of an action. Gives (dotted path, problem) for each wrong one, as `InputError` takes them."""
    problems = []
    for path, text in _texts(fields):
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
        _infer(_compile(expression).parsed, known, _MAX_DEPTH)
    except TemplateError as error:
        raise TemplateError(f"{_shown(expression)} {error}") from None


def render(text: str, names: Mapping[str, Any]) -> str:
    """The text with each `{{ … }}` replaced by its value.

    A text comes out as it is, a number or a boolean as in JSON, a list or an object as compact JSON.

    Args:
        text: checked already.
        names: what expressions see; plain JSON values.

    Raises:
        RenderError: a value is null or cannot be computed, or the text gets longer than `MAX_RENDERED_BYTES`.
    """
    try:
        parts = list(_parts(text))
    except TemplateError as error:
        raise RenderError(str(error)) from None
    rendered = "".join(
        literal + ("" if expression is None else _written(expression, names)) for literal, expression in parts
    )
    try:
        size = len(rendered.encode())
    except UnicodeEncodeError:
        raise RenderError("holds half a surrogate pair, which cannot be sent") from None
    if size > MAX_RENDERED_BYTES:
        raise RenderError(f"has {size} bytes after rendering, and {MAX_RENDERED_BYTES} are allowed")
    return rendered


def render_fields(fields: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """An action with every text in it rendered, in lists and objects too; names of fields and other values stay.

    Raises:
        RenderError: as `render`.
    """
    rendered = {}
    for name, value in fields.items():
        try:
            rendered[name] = _rendered(value, names)
        except RenderError as error:
            error.field = name
            raise
    return rendered


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of one JMESPath expression.

    Raises:
        RenderError: it cannot be computed from these names, such as `length` of a number, or takes too much work.
    """
    try:
        return BoundedInterpreter().visit(_compile(expression).parsed, names)
    except TemplateError as error:
        problem = str(error)
    except BudgetError:
        problem = "takes too much work: its values are copied too often"
    except JMESPathTypeError as error:
        # The error's own message would show the value.
        problem = f"cannot be computed: {error.function_name}() does not take a value of type {error.actual_type}"
    except (JMESPathError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        problem = f"cannot be computed ({type(error).__name__})"
    raise RenderError(problem, expression=expression)


def _shown(expression: str) -> str:
    return repr(expression if len(expression) <= _MAX_SHOWN else expression[:_MAX_SHOWN] + "…")


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Each literal text with the expression that follows it; after the last there is none."""
    position = count = 0
    while (start := text.find("{{", position)) >= 0:
        end = _end(text, start + 2)
        count += 1
        if count > MAX_EXPRESSIONS:
            raise TemplateError(f"has more than {MAX_EXPRESSIONS} expressions")
        yield text[position:start], text[start + 2 : end].strip()
        position = end + 2
    yield text[position:], None


_TOKENS = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|[{}'"`]""", re.DOTALL)
"""What decides where an expression ends: what stands in quotes, braces, and a quote without its pair."""


def _end(text: str, start: int) -> int:
    """Where the `}}` of the expression is that starts here."""
    depth = 0
    for token in _TOKENS.finditer(text, start, start + MAX_EXPRESSION + 2):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}" and depth:
            depth -= 1
        elif text.startswith("}}", token.start()):
            return token.start()
        elif token[0] in {"'", '"', "`"}:
            raise TemplateError(f"has a {{{{ whose expression has a {token[0]} without its pair")
    raise TemplateError(f"has a {{{{ that no }}}} closes within {MAX_EXPRESSION} characters")


def _compile(expression: str) -> Any:
    if not expression.strip():
        raise TemplateError("is empty")
    if len(expression) > MAX_EXPRESSION:
        raise TemplateError(f"has {len(expression)} characters, and {MAX_EXPRESSION} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PendingDeprecationWarning)
            return jmespath.compile(expression)
    except PendingDeprecationWarning:
        raise TemplateError("has backticks around what is not JSON; write a text in single quotes") from None
    except ParseError as error:
        raise TemplateError(f"is not JMESPath, from character {error.lex_position + 1} on") from None
    except RecursionError:
        raise TemplateError("is nested too deeply") from None


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


def _written(expression: str, names: Mapping[str, Any]) -> str:
    value = evaluate(expression, names)
    if value is None:
        raise RenderError("is null; a default can follow, as in event.data.name || 'unknown'", expression=expression)
    return value if isinstance(value, str) else _json(expression, value)


def _json(expression: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise RenderError("cannot be written as JSON", expression=expression) from None


def _rendered(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return render(value, names)
    if isinstance(value, Mapping):
        return render_fields(value, names)
    return [_rendered(item, names) for item in value] if isinstance(value, list) else value


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a JSON-like value, with its dotted path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _texts(item, f"{path}.{key}" if path else str(key))
