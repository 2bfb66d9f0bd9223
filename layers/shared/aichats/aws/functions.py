"""Lambda: asynchronous invocations of other functions."""

import json
from collections.abc import Callable
from typing import Any, Protocol

from aichats.aws.errors import AwsError
from aichats.aws.observability import logger
from aichats.json_types import Json


class Lambda(Protocol):
    """The method of the client that this module uses."""

    def invoke(self, *args: Any, **request: Any) -> Any:
        """Invoke a function."""


def invoke_later(client: Callable[[], Lambda], function: str, event: Json) -> None:
    """Let Lambda invoke a function asynchronously. Log a warning if Lambda does not accept the event.

    Args:
        client: returns the client. It may create the client.
        function: the function's name.
        event: the event.
    """
    try:
        client().invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
    except AwsError as error:
        logger.warning("function not invoked", extra={"function": function, "reason": str(error)})
