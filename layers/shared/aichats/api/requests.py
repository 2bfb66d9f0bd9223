"""Reads an API Gateway request (payload format 2.0) into what an operation declares; refuses what does not fit."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic import BaseModel, TypeAdapter, ValidationError

from aichats.api.operations import Operation
from aichats.errors import InputError
from aichats.validation import parse, parse_json

MAX_KEY_BYTES = 255


def read_path(operation: Operation[Any, Any], values: Mapping[str, str]) -> Mapping[str, str]:
    """The path's parameters.

    Raises:
        InputError: one is not what it must be, such as an id with an encoded slash in it.
    """
    for name, value in values.items():
        _check(operation.parameters[name], name, value)
    return values


def read_query(operation: Operation[Any, Any], event: APIGatewayProxyEventV2) -> BaseModel | None:
    """The query as the operation's model.

    Raises:
        InputError: a parameter is unknown, given twice, or wrong.
    """
    pairs = parse_qsl(event.raw_query_string or "", keep_blank_values=True)
    values = dict(pairs)
    if len(values) < len(pairs):
        raise InputError([("query", "a parameter is given twice")])
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
    return parse_json(operation.body, _content(event), **context)


def read_idempotency_key(operation: Operation[Any, Any], event: APIGatewayProxyEventV2) -> str | None:
    """The header ``Idempotency-Key``.

    Raises:
        InputError: it is empty or longer than 255 bytes.
    """
    key: str | None = event.headers.get("idempotency-key")
    if key is not None and operation.idempotent and not 0 < len(key.encode()) <= MAX_KEY_BYTES:
        raise InputError([("Idempotency-Key", f"must be 1 to {MAX_KEY_BYTES} bytes long")])
    return key


def _content(event: APIGatewayProxyEventV2) -> bytes:
    text = event.body or ""
    if not event.is_base64_encoded:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InputError([("body", "is not valid base64")]) from None


def _check(adapter: TypeAdapter[str], name: str, value: str) -> None:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        raise InputError([(name, error.errors(include_input=False)[0]["msg"])]) from None
