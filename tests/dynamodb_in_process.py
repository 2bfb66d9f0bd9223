"""The local cloud's DynamoDB inside the process of the tests: the same code without HTTP, five times as fast.

botocore builds each request and reads each answer as always; only what lies between the two is left out. Functions that
run on the local cloud reach its DynamoDB over HTTP, in `tests/e2e`.
"""

import json
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from local.cloud.emulator import REGION
from local.cloud.launcher import TESTED_VERSION
from local.setup import ENVIRONMENTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONFIG = Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED, user_agent="tests")

CREATE_TABLE = {"x-amz-target": "DynamoDB_20120810.CreateTable", "content-type": "application/x-amz-json-1.0"}
OK = 200

type Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, str]], Awaitable[tuple[int, Any, bytes]]]


class DynamoDBInProcess:
    """What answers the requests of a client; it may be used by many threads."""

    def __init__(self) -> None:
        self._handle: Handler = load()
        self._lock = threading.Lock()
        self._planned: dict[bytes, bytes] = {}

    def client(self) -> "DynamoDBClient":
        """A client of it."""
        client = boto3.Session("testing", "testing", region_name=REGION).client("dynamodb", config=CONFIG)
        events: Any = client.meta.events
        events.register("before-send.dynamodb", self.answer)
        return client

    def plan(self, table: str, properties: Mapping[str, Any]) -> None:
        """Let there be a table from the first request on that names it: most tests have one, few of them use it."""
        self._planned[table.encode()] = json.dumps({"TableName": table, **properties}).encode()

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """The answer to a request."""
        headers = {name.lower(): text_of(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        with self._lock:
            status, answered, content = self._answer(headers, body)
            if b"ResourceNotFoundException" in content and self._create_planned(body):
                status, answered, content = self._answer(headers, body)
        return AWSResponse(str(request.url), status, answered, cast("Any", Content(content)))

    def _answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Any, bytes]:
        return completed(self._handle("POST", "/", headers, body, {}))

    def _create_planned(self, body: bytes) -> bool:
        """Create the planned tables that a request names. Returns whether there were any."""
        named = [table for table in self._planned if table in body]
        for table in named:
            status, _, content = self._answer(CREATE_TABLE, self._planned.pop(table))
            assert status == OK, content
        return bool(named)


class Content:
    """The body of an answer, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        """All of it, in one piece."""
        return [self._content]


def load() -> Handler:
    """The DynamoDB of the local cloud, whose environment is another one; it needs the standard library alone."""
    packages = next((ENVIRONMENTS["cloud"] / "lib").glob("python3.*/site-packages"))
    (installed,) = (each.version for each in distributions(name="ministack", path=[str(packages)]))
    assert installed == TESTED_VERSION, "run `make setup`"
    sys.path.append(str(packages))
    try:
        handler: Handler = import_module("ministack.services.dynamodb").handle_request
        return handler
    finally:
        sys.path.remove(str(packages))


def completed(call: Awaitable[tuple[int, Any, bytes]]) -> tuple[int, Any, bytes]:
    """What a coroutine returns that never waits."""
    try:
        cast("Any", call).send(None)
    except StopIteration as end:
        result: tuple[int, Any, bytes] = end.value
        return result
    raise AssertionError("it waits for something")


def text_of(value: str | bytes) -> str:
    """A header's value as text."""
    return value if isinstance(value, str) else value.decode()
