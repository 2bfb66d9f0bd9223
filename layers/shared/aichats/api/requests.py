"""Reads an API Gateway request (payload format 2.0) into what an operation declares; refuses what does not fit."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic import BaseModel, TypeAdapter, ValidationError

from aichats.api.operation import Operation
from aichats.api.problems import NO_SUCH_PATH, RefusedError
from aichats.errors import InputError
from aichats.validation import parse, parse_json
from aichats.whop.webhooks import read_body as raw_body

KEY_PATTERN = r"^[\x20-\x2b\x2d-\x7e]{1,255}$"
"""Pattern of an ``Idempotency-Key``: printable ASCII without a comma, with which API Gateway joins repeated headers."""


def match_path(operation: Operation[Any, Any], path: str) -> Mapping[str, str] | None:
    """The parameters in a path of the operation's form, not checked yet; ``None`` for another path.

    API Gateway decodes the path. So what climbs with ``..`` counts as one parameter, to be refused under its name.
    """
    form = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+|.*\.\..*)", operation.path)
    found = re.fullmatch(form, path, re.DOTALL)
    return found.groupdict() if found else None


def operations_at(operations: Sequence[Operation[Any, Any]], path: str) -> Mapping[str, Operation[Any, Any]]:
    """Return the operations of a path, by their methods.

    At a fixed path, such as ``/chats/notification-preference``, an operation that takes any id there counts only if the
    path holds an id that it accepts.
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
    """The path's parameters.

    Raises:
        RefusedError: it is another path. Powertools does not mind a line feed at the end.
        InputError: a parameter is not what it must be, such as an id with a slash in it.
    """
    values = match_path(operation, path)
    if values is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, NO_SUCH_PATH)
    for name, value in values.items():
        _check(operation.parameters[name], name, value)
    return values


def read_query(operation: Operation[Any, Any], event: APIGatewayProxyEventV2) -> BaseModel | None:
    """The query as the operation's model.

    Raises:
        InputError: a parameter is unknown, given twice, or wrong.
    """
    pairs = parse_qsl(event.raw_query_string or "", keep_blank_values=True)
    repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if repeated:
        raise InputError([(name, "is given more than once") for name in repeated])
    values = dict(pairs)
    if operation.query is None:
        if values:
            raise InputError([(name, "is not a parameter of this operation") for name in values])
        return None
    return parse(operation.query, values)


def read_body(operation: Operation[Any, Any], event: APIGatewayProxyEventV2, **context: Any) -> BaseModel | None:
    """The body as the operation's model. A body in base64 is decoded first.

    Raises:
        InputError: it is not declared as JSON, not JSON, or does not fit.
    """
    if operation.body is None:
        return None
    media_type = event.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise InputError([("Content-Type", f"must be application/json, not {media_type[:100] or 'left out'}")])
    content = raw_body(event.body, is_base64=bool(event.is_base64_encoded))
    return parse_json(operation.body, content, strict=True, **context)


def read_idempotency_key(operation: Operation[Any, Any], event: APIGatewayProxyEventV2) -> str | None:
    """The header ``Idempotency-Key``.

    Raises:
        InputError: it is empty, longer than 255 bytes, not printable ASCII, or given twice.
    """
    key: str | None = event.headers.get("idempotency-key")
    if key is not None and operation.idempotent and not re.fullmatch(KEY_PATTERN, key):
        raise InputError(
            [("Idempotency-Key", "must be sent once, as 1 to 255 characters of printable ASCII without a comma")]
        )
    return key


def _check(adapter: TypeAdapter[str], name: str, value: str) -> None:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        raise InputError([(name, error.errors(include_input=False)[0]["msg"])]) from None
