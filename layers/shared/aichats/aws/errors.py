"""The errors of calls to AWS, for code that does not import botocore."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (BotoCoreError, ClientError)
"""The errors of a call without a response, and of a response with an error."""


def code_of(error: Exception) -> str:
    """Return AWS's code for an error, such as ``ThrottlingException``. Without a response, return the error's type."""
    return str(_answer(error).get("Code") or type(error).__name__)


def aws_message(error: Exception) -> str:
    """Return AWS's message for an error. Without a response, return the error's own text."""
    return str(_answer(error).get("Message") or error)


def _answer(error: Exception) -> Mapping[str, Any]:
    return error.response.get("Error", {}) if isinstance(error, ClientError) else {}
