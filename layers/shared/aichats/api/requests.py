"""A request of API Gateway (payload format 2.0), and the validated input of an operation from it."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aichats.api.problems import NO_SUCH_PATH, RejectedError
from aichats.api.routing import match_path
from aichats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from aichats.api.operation import Operation
    from aichats.json_types import JsonObject

_JSON = "application/json"
KEY_PATTERN = r"^[\x20-\x2b\x2d-\x7e]{1,255}$"
"""The pattern of an ``Idempotency-Key``: printable ASCII. A comma means that API Gateway joined repeated headers."""


def read_if_match(headers: Mapping[str, str]) -> str | None:
    """Return the header ``If-Match`` of a deletion; ``None`` if there is none.

    Raises:
        InputError: there is an ``If-None-Match``, which a deletion does not support.
    """
    if "if-none-match" in headers:
        raise InputError([("If-None-Match", "is not supported here; use If-Match")])
    return headers.get("if-match")


class ApiRequest:
    """A request as API Gateway hands it over. The names of headers are in lower case, and the path is decoded."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        context = event["requestContext"]
        self.method: str = context["http"]["method"]
        self.domain: str = context["domainName"]
        stage, path = context["stage"], event["rawPath"]
        self.path: str = path if stage == "$default" else path[len(f"/{stage}") :]
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        self.query: str = event.get("rawQueryString") or ""
        self.body: str | None = event.get("body")
        self._is_base64 = bool(event.get("isBase64Encoded"))

    def content(self) -> bytes:
        """Return the bytes of the body.

        Raises:
            InputError: the body should be base64, but is not.
        """
        if not self._is_base64:
            return (self.body or "").encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(self.body or "", validate=True)
        except ValueError:
            raise InputError([("body", "is not valid base64")]) from None


def read_path(operation: Operation[Any, Any], path: str) -> Mapping[str, str]:
    """Return the path's parameters.

    Raises:
        RejectedError: the operation has another path.
        InputError: a parameter is invalid, such as an id with a slash.
    """
    values = match_path(operation.path, path)
    if values is None:
        raise RejectedError(HTTPStatus.NOT_FOUND, "not-found", NO_SUCH_PATH)
    if values:
        from aichats.validation import parse_value

        for name, value in values.items():
            parse_value(operation.parameters[name], name, value)
    return values


def read_query(operation: Operation[Any, Any], request: ApiRequest) -> BaseModel | None:
    """Return the query as the operation's model.

    Raises:
        InputError: a parameter is unknown, repeated or invalid.
    """
    if not request.query and operation.query is None:
        return None
    values = _single_values(request.query)
    if operation.query is None:
        if values:
            raise InputError([(name, "unknown parameter; this operation has none") for name in values])
        return None
    if unknown := values.keys() - operation.query.model_fields.keys():
        known = ", ".join(operation.query.model_fields)
        raise InputError([(name, f"unknown parameter; use {known}") for name in sorted(unknown)])
    from aichats.validation import parse

    return parse(operation.query, values)


def _single_values(query: str) -> dict[str, str]:
    from collections import Counter
    from urllib.parse import parse_qsl

    pairs = parse_qsl(query, keep_blank_values=True)
    repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if repeated:
        raise InputError([(name, "must be sent only once") for name in repeated])
    return dict(pairs)


def read_body(operation: Operation[Any, Any], request: ApiRequest, max_message_bytes: int) -> Any:
    """Return the body as the operation's model. A body in base64 is decoded first. A missing body may be optional.

    Raises:
        InputError: the operation doesn't take the body's media type, or the body isn't valid.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if operation.quick_body is not None and media_type == _JSON:
        quick = operation.quick_body(_decoded(request.content()), max_message_bytes)
        if quick is not None:
            return quick
    if operation.body is None:
        return None
    if operation.body_optional and not request.body:
        return operation.body()
    return _modelled_body(operation, operation.body, request, media_type, max_message_bytes)


def _decoded(content: bytes) -> JsonObject:
    """Return the JSON object in a body; an empty object if a model must say what is wrong."""
    try:
        # Decoded first, because ``json`` also accepts UTF-16 and a byte order mark, which the models reject.
        body = json.loads(content.decode())
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _modelled_body(
    operation: Operation[Any, Any],
    model: type[BaseModel],
    request: ApiRequest,
    media_type: str,
    max_message_bytes: int,
) -> BaseModel:
    from datetime import UTC, datetime

    from aichats.api.forms import FORM, read_form
    from aichats.validation import parse, parse_json

    context = {"max_message_bytes": max_message_bytes, "now": datetime.now(UTC)}
    content = request.content()
    if media_type == _JSON:
        return parse_json(model, content, strict=True, **context)
    if operation.form is not None and media_type == FORM:
        return parse(operation.form, read_form(content, request.headers["content-type"]), **context)
    expected = _JSON + (f" or {FORM}" if operation.form else "")
    raise InputError([("Content-Type", f"must be {expected}, not {media_type[:100] or 'empty'}")])


def read_idempotency_key(operation: Operation[Any, Any], request: ApiRequest) -> str | None:
    """Return the header ``Idempotency-Key``; ``None`` if it is missing.

    Raises:
        InputError: the key is empty, longer than 255 bytes, not printable ASCII, or repeated.
    """
    key = request.headers.get("idempotency-key")
    if key is None or not operation.idempotent:
        return key
    import re

    if not re.fullmatch(KEY_PATTERN, key):
        raise InputError(
            [("Idempotency-Key", "must be sent once, as 1 to 255 characters of printable ASCII without a comma")]
        )
    return key
