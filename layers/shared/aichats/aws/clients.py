"""The clients of AWS services. A process has one client for each service."""

import threading
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

_CREATING = threading.Lock()


def aws_client(service: str) -> Any:
    """Return the client of a service, such as ``dynamodb``. Safe to call from many threads.

    The clients come from botocore, because boto3, its wrapper, adds 15 ms to each cold start.
    """
    # The threads of a batch may ask for the same client at once, but a session can't create clients concurrently.
    with _CREATING:
        return _create_client(service)


@cache
def _create_client(service: str) -> Any:
    limits = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return _session().create_client(service, config=limits)


@cache
def _session() -> Session:
    return get_session()
