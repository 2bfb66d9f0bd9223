"""The validated input of an operation, from a request of API Gateway (payload format 2.0)."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic import BaseModel

from aichats.api.forms import FORM, read_form
from aichats.api.operation import Operation
from aichats.api.problems import NO_SUCH_PATH, RejectedError
from aichats.errors import InputError
from aichats.validation import parse, parse_json, parse_value
from aichats.whop.webhooks import raw_body

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


def match_path(operation: Operation[Any, Any], path: str) -> Mapping[str, str] | None:
    """Return the unchecked parameters in a path; ``None`` if the operation has another path.

    API Gateway decodes the path. A part with ``..`` counts as one parameter, so that the error names the parameter.
    """
    form = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+|.*\.\..*)", operation.path)
    match = re.fullmatch(form, path, re.DOTALL)
    return match.groupdict() if match else None


def operations_at(operations: Sequence[Operation[Any, Any]], path: str) -> Mapping[str, Operation[Any, Any]]:
    """Return the operations of a path, by method.

    At a fixed path, such as ``/chats/notification-preference``, an operation with a path parameter counts only if the
    path has a valid value for the parameter.
    """
    fixed = [operation for operation in operations if operation.path == path]
    others = [operation for operation in operations if match_path(operation, path) is not None]
    if fixed:
        others = [operation for operation in others if _accepts(operation, path)]
    return {operation.method: operation for operation in [*others, *fixed]}


def _accepts(operation: Operation[Any, Any], path: str) -> bool:
    try:
        read_path(operation, path)
    except InputError:
        return False
    return True


def read_path(operation: Operation[Any, Any], path: str) -> Mapping[str, str]:
    """Return the path's parameters.

    Raises:
        RejectedError: the operation has another path. Powertools ignores a line feed at the end.
        InputError: a parameter is invalid, such as an id with a slash.
    """
    values = match_path(operation, path)
    if values is None:
        raise RejectedError(HTTPStatus.NOT_FOUND, "not-found", NO_SUCH_PATH)
    for name, value in values.items():
        parse_value(operation.parameters[name], name, value)
    return values


def read_query(operation: Operation[Any, Any], event: APIGatewayProxyEventV2) -> BaseModel | None:
    """Return the query as the operation's model.

    Raises:
        InputError: a parameter is unknown, repeated or invalid.
    """
    pairs = parse_qsl(event.raw_query_string or "", keep_blank_values=True)
    repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if repeated:
        raise InputError([(name, "must be sent only once") for name in repeated])
    values = dict(pairs)
    if operation.query is None:
        if values:
            raise InputError([(name, "unknown parameter; this operation has none") for name in values])
        return None
    if unknown := values.keys() - operation.query.model_fields.keys():
        known = ", ".join(operation.query.model_fields)
        raise InputError([(name, f"unknown parameter; use {known}") for name in sorted(unknown)])
    return parse(operation.query, values)


def read_body(operation: Operation[Any, Any], event: APIGatewayProxyEventV2, **context: Any) -> BaseModel | None:
    """Return the body as the operation's model. A body in base64 is decoded first. A missing body may be optional.

    Raises:
        InputError: the operation doesn't take the body's media type, or the body isn't valid.
    """
    if operation.body is None:
        return None
    if operation.body_optional and not event.body:
        return operation.body()
    content_type = event.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    content = raw_body(event.body, is_base64=bool(event.is_base64_encoded))
    if media_type == "application/json":
        return parse_json(operation.body, content, strict=True, **context)
    if operation.form is not None and media_type == FORM:
        return parse(operation.form, read_form(content, content_type), **context)
    expected = "application/json" + (f" or {FORM}" if operation.form else "")
    raise InputError([("Content-Type", f"must be {expected}, not {media_type[:100] or 'empty'}")])


def read_idempotency_key(operation: Operation[Any, Any], event: APIGatewayProxyEventV2) -> str | None:
    """Return the header ``Idempotency-Key``; ``None`` if it is missing.

    Raises:
        InputError: the key is empty, longer than 255 bytes, not printable ASCII, or repeated.
    """
    key: str | None = event.headers.get("idempotency-key")
    if key is not None and operation.idempotent and not re.fullmatch(KEY_PATTERN, key):
        raise InputError(
            [("Idempotency-Key", "must be sent once, as 1 to 255 characters of printable ASCII without a comma")]
        )
    return key
