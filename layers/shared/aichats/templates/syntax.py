"""What a text with `{{ … }}` consists of, and what JMESPath makes of an expression.

An expression ends at the first `}}` that stands in no quotes and no braces of its own, so `{{ '{{' }}` writes `{{`.
A `}}` outside of expressions is text like any other.
"""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.exceptions import ParseError

from aichats.errors import AichatsError

MAX_EXPRESSION = 1000  # characters
MAX_EXPRESSIONS = 50  # in one text


class TemplateError(AichatsError, ValueError):
    """A template or filter is wrong as it was written. It is a ValueError, so that pydantic validators may raise it."""


def parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Each literal text with the expression that follows it; after the last there is none.

    Raises:
        TemplateError: an expression is not closed, or there are too many.
    """
    position = count = 0
    while (start := text.find("{{", position)) >= 0:
        end = _end(text, start + 2)
        count += 1
        if count > MAX_EXPRESSIONS:
            raise TemplateError(f"has more than {MAX_EXPRESSIONS} expressions")
        yield text[position:start], text[start + 2 : end].strip()
        position = end + 2
    yield text[position:], None


def parse(expression: str) -> Any:
    """JMESPath's syntax tree of an expression.

    Raises:
        TemplateError: it is not JMESPath, too long or nested too deeply.
    """
    if not expression.strip():
        raise TemplateError("is empty")
    if len(expression) > MAX_EXPRESSION:
        raise TemplateError(f"has {len(expression)} characters, and {MAX_EXPRESSION} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PendingDeprecationWarning)
            return jmespath.compile(expression).parsed
    except PendingDeprecationWarning:
        raise TemplateError("has backticks around what is not JSON; write a text in single quotes") from None
    except ParseError as error:
        raise TemplateError(f"is not JMESPath, from character {error.lex_position + 1} on") from None
    except RecursionError:
        raise TemplateError("is nested too deeply") from None


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
