"""The syntax of templates: texts with JMESPath expressions in `{{ … }}`.

An expression ends at the first `}}` that is not inside its quotes or braces. So `{{ '{{' }}` writes `{{`. A `}}`
outside an expression is normal text.
"""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.exceptions import ParseError

from aichats.errors import AichatsError

MAX_EXPRESSION_CHARACTERS = 1000
MAX_EXPRESSIONS = 50  # in one text

_QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`"""
_TOKENS = re.compile(_QUOTED + r"""|[{}'"`]""", re.DOTALL)
"""The tokens that decide where an expression ends: quoted texts, braces, and unclosed quotes."""
_BARE_NUMBER = re.compile(rf"({_QUOTED})|([<>]=?|[=!]=)\s*(-?[0-9]+(?:\.[0-9]+)?)(?![\w.`])", re.DOTALL)
"""A quoted text, or a comparison with a number without backticks."""


class TemplateError(AichatsError, ValueError):
    """A template or filter is invalid. This is a ValueError, so that pydantic's validators may raise it."""


def split_text(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield each literal text with the expression that follows it, and at the end the last literal text with `None`.

    Raises:
        TemplateError: an expression is not closed, or there are too many.
    """
    position = count = 0
    while (start := text.find("{{", position)) >= 0:
        end = _end(text, start + 2)
        count += 1
        if count > MAX_EXPRESSIONS:
            raise TemplateError(f"more than {MAX_EXPRESSIONS} expressions in one text")
        yield text[position:start], text[start + 2 : end].strip()
        position = end + 2
    yield text[position:], None


def parse_jmespath(expression: str) -> Any:
    """Return JMESPath's syntax tree of an expression.

    Raises:
        TemplateError: the expression is not valid JMESPath, is too long or is nested too deeply.
    """
    if not expression.strip():
        raise TemplateError("the expression is empty")
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        raise TemplateError(f"{len(expression)} characters. At most {MAX_EXPRESSION_CHARACTERS} are allowed")
    try:
        return _compiled(expression)
    except PendingDeprecationWarning:
        raise TemplateError("backticks must contain JSON. Put a text in single quotes, as in 'text'") from None
    except ParseError as error:
        problem = f"not valid JMESPath at character {error.lex_position + 1}"
        raise TemplateError(problem + _number_hint(expression)) from None
    except RecursionError:
        raise TemplateError("nested too deeply") from None


def _compiled(expression: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PendingDeprecationWarning)
        return jmespath.compile(expression).parsed


def _number_hint(expression: str) -> str:
    """Return a hint with backticks around the numbers if that makes an expression valid; otherwise an empty text."""
    fixed = _BARE_NUMBER.sub(lambda match: match[1] or f"{match[2]} `{match[3]}`", expression)
    try:
        _compiled(fixed)
    except (ParseError, PendingDeprecationWarning, RecursionError):
        return ""
    return f". Put numbers in backticks: {fixed}"


def _end(text: str, start: int) -> int:
    """Return the position of the `}}` that ends the expression at `start`."""
    depth = 0
    for token in _TOKENS.finditer(text, start, start + MAX_EXPRESSION_CHARACTERS + 2):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}" and depth:
            depth -= 1
        elif text.startswith("}}", token.start()):
            return token.start()
        elif token[0] in {"'", '"', "`"}:
            raise TemplateError(f"`{{{{` is followed by an expression with an unclosed {token[0]}")
    raise TemplateError(f"`{{{{` without a closing `}}}}` within {MAX_EXPRESSION_CHARACTERS} characters")
