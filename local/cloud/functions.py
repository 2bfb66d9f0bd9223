"""Invoke functions of the local AWS."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from local.errors import LocalError

if TYPE_CHECKING:
    from local.cloud.clients import Clients

REQUEST_ID = re.compile(r"RequestId: (\S+)")


class Answer(NamedTuple):
    """The value that a function returned, and the id of the invocation, which is also in its log lines."""

    value: Any
    request_id: str


class FunctionFailedError(LocalError):
    """A function raised an error, timed out or did not start. The message is the function's own."""

    def __init__(self, message: str, request_id: str = "") -> None:
        super().__init__(message)
        self.request_id = request_id


def invoke(clients: Clients, name: str, event: object) -> Any:
    """Invoke the function ``name`` with the event, and return the value that it returns.

    Raises:
        FunctionFailedError: the function failed, or Lambda rejected the call.
    """
    return call(clients, name, event).value


def call(clients: Clients, name: str, event: object) -> Answer:
    """Invoke the function ``name`` with the event, and return its answer with the id of the invocation.

    Raises:
        FunctionFailedError: the function failed, or Lambda rejected the call.
    """
    try:
        answer = clients.functions.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail")
    except ClientError as error:
        raise FunctionFailedError(f"{name} was not invoked: {error}") from error
    request_ids = REQUEST_ID.findall(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    value, request_id = json.loads(answer["Payload"].read()), request_ids[-1] if request_ids else ""
    if answer.get("FunctionError"):
        raise FunctionFailedError(f"{name} failed: {value.get('errorType')}: {value.get('errorMessage')}", request_id)
    return Answer(value, request_id)
