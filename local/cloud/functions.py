"""Invokes functions of the local AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.errors import LocalError

if TYPE_CHECKING:
    from local.cloud.clients import Clients


class FunctionFailedError(LocalError):
    """A function raised, timed out or did not start; the message is its own."""


def invoke(clients: Clients, name: str, event: object) -> Any:
    """What the function ``name`` returns for the event.

    Raises:
        FunctionFailedError: it failed, or Lambda refused the call.
    """
    try:
        answer = clients.functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
    except ClientError as error:
        raise FunctionFailedError(f"{name} was not invoked: {error}") from error
    result = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise FunctionFailedError(f"{name} failed: {result.get('errorType')}: {result.get('errorMessage')}")
    return result
