"""The clients of AWS services. A process has one client for each service."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.session import Session, get_session

from aichats.aws.errors import NoResponseError, ResponseError

_CREATING = threading.Lock()


def aws_client(service: str) -> Any:
    """Return the client of a service, such as ``dynamodb``. Safe to call from many threads.

    Its methods raise :class:`AwsError <aichats.aws.errors.AwsError>`. The clients come from botocore, because boto3,
    its wrapper, adds 15 ms to each cold start.
    """
    # The threads of a batch may ask for the same client at once, but a session can't create clients concurrently.
    with _CREATING:
        return _create_client(service)


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
    try:
        yield
    except ClientError as error:
        raise ResponseError(error.response, error.operation_name) from None
    except ParamValidationError as error:
        answer = {"Error": {"Code": "ValidationException", "Message": str(error)}}
        raise ResponseError(answer, operation) from None
    except BotoCoreError as error:
        raise NoResponseError(str(error)) from None


@cache
def _create_client(service: str) -> Any:
    limits = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    with converted_errors("CreateClient"):
        return converting(_session().create_client(service, config=limits))


@cache
def _session() -> Session:
    return get_session()
