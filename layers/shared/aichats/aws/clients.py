"""The clients of AWS services. A process has one client for each service."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from aichats.aws.calls import CONNECT_SECONDS, Client
from aichats.aws.credentials import CredentialSource, has_credentials
from aichats.aws.errors import NoResponseError, ResponseError
from aichats.aws.services import SERVICES
from aichats.http.transport import HTTPCORE_ERRORS, DeadlineTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.session import Session

_CREATING = threading.Lock()


def aws_client(service: str) -> Any:
    """Return the client of a service, such as ``dynamodb``. Safe to call from many threads.

    Its methods raise :class:`AwsError <aichats.aws.errors.AwsError>`. The services of a run that goes well are called
    without botocore, which is imported for the other services. It also reads the profiles of a laptop.
    """
    # The threads of a batch may ask for the same client at once, but a session can't create clients concurrently.
    with _CREATING:
        return _create_client(service)


@cache
def _create_client(service: str) -> Any:
    environment = os.environ
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if service in SERVICES and region and has_credentials(environment):
        source = CredentialSource(environment, _fetch, time.time)
        return Client(SERVICES[service], region, _transport(), source)
    return _create_botocore_client(service)


@cache
def _transport() -> DeadlineTransport:
    return DeadlineTransport()


def _fetch(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return the status and the body of the endpoint for credentials.

    Raises:
        NoResponseError: it did not answer.
    """
    host = url.partition("://")[2].partition("/")[0]
    limits = {"connect": CONNECT_SECONDS, "read": CONNECT_SECONDS}
    try:
        status, _, content = _transport().send("GET", url, {"host": host, **headers}, b"", **limits)
    except HTTPCORE_ERRORS as error:
        raise NoResponseError(f"{url} returned no credentials: {str(error) or type(error).__name__}") from error
    return status, content


# ---- botocore


def converting(client: Any) -> Any:
    """Return a client of botocore or boto3 whose methods raise :class:`AwsError <aichats.aws.errors.AwsError>`.

    Parameters that botocore rejects become the ``ValidationException`` with which the service would answer. A body
    that is a stream raises these errors too. A paginator raises botocore's errors: read its pages in a ``with`` block
    of :func:`converted_errors`.
    """
    return _ConvertingClient(client)


class _ConvertingClient:
    """A client or stream without botocore's errors, so that other modules handle errors without importing botocore."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return _converting_method(found, name) if callable(found) else found


def _converting_method(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*positional: Any, **request: Any) -> Any:
        with converted_errors(name.title().replace("_", "")):
            answer = method(*positional, **request)
        return {**answer, "Body": _ConvertingClient(answer["Body"])} if name == "get_object" else answer

    return call


@contextmanager
def converted_errors(operation: str) -> Iterator[None]:
    """Raise :class:`AwsError <aichats.aws.errors.AwsError>` in place of botocore's errors in the ``with`` block.

    ``operation`` is the name for the error if botocore rejects the parameters, such as ``GetItem``.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ClientError as error:
        raise ResponseError(error.response, error.operation_name) from None
    except ParamValidationError as error:
        answer = {"Error": {"Code": "ValidationException", "Message": str(error)}}
        raise ResponseError(answer, operation) from None
    except BotoCoreError as error:
        raise NoResponseError(str(error)) from None


def _create_botocore_client(service: str) -> Any:
    """Return a client of botocore. boto3, its wrapper, would add 15 ms."""
    from botocore.config import Config

    limits = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    with converted_errors("CreateClient"):
        return converting(_session().create_client(service, config=limits))


@cache
def _session() -> Session:
    from botocore.session import get_session

    return get_session()
