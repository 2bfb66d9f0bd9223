"""The errors of calls to AWS.

They are not in :mod:`aichats.errors`, because code that contains them (``except AwsError``) treats an AWS that does not
answer differently from everything that aichats itself rejects.
"""

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """A call to AWS failed."""


class NoResponseError(AwsError):
    """AWS did not answer: it was not reached, the connection broke, or no time remained."""


class ResponseError(AwsError):
    """AWS answered with an error.

    Attributes:
        response: the answer: ``Error`` with ``Code`` and ``Message``, ``ResponseMetadata`` with the ``HTTPStatusCode``,
            and the other members of the error, such as ``CancellationReasons``.
        operation: the name of the operation, such as ``PutItem``.
    """

    def __init__(self, response: Mapping[str, Any], operation: str) -> None:
        error = response.get("Error", {})
        code, message = error.get("Code", "Unknown"), error.get("Message", "Unknown")
        super().__init__(f"An error occurred ({code}) when calling the {operation} operation: {message}")
        self.response = response
        self.operation = operation


def code_of(error: Exception) -> str:
    """Return AWS's code for an error, such as ``ThrottlingException``. Without a response, return the error's type."""
    return str(_answer(error).get("Code") or type(error).__name__)


def aws_message(error: Exception) -> str:
    """Return AWS's message for an error. Without a response, return the error's own text."""
    return str(_answer(error).get("Message") or error)


def _answer(error: Exception) -> Mapping[str, Any]:
    found: Mapping[str, Any] = error.response.get("Error", {}) if isinstance(error, ResponseError) else {}
    return found
