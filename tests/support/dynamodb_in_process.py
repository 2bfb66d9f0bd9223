"""The local cloud's DynamoDB in the process of the tests: the same code, without HTTP.

botocore still checks the parameters of each request. Endpoints, headers, signatures and the parsing of responses are
left out. In `tests/e2e`, functions on the local cloud use all of botocore.
"""

import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import distributions
from itertools import batched
from typing import TYPE_CHECKING, Any, cast

from botocore import xform_name
from botocore.exceptions import ParamValidationError
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

from aichats.aws.errors import ResponseError
from local.cloud.launcher import TESTED_VERSION
from local.setup import ENVIRONMENTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OK = 200
BATCH_ITEMS = 25
"""The maximum number of items in a batch of writes."""

type Json = dict[str, Any]
type Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, str]], Awaitable[tuple[int, Any, bytes]]]


class DynamoDBInProcess:
    """DynamoDB, for the requests of a client. Safe to share between threads."""

    def __init__(self) -> None:
        self._handle: Handler = load()
        self._lock = threading.Lock()
        self._planned: dict[str, Json] = {}

    def client(self) -> "DynamoDBClient":
        """Return a client, which has an attribute for each operation and nothing else of boto3's client."""
        return cast("DynamoDBClient", Client(self))

    def plan(self, table: str, properties: Mapping[str, Any]) -> None:
        """Create a table when a request first names it, because most tests have a table that they do not use."""
        self._planned[table] = {"TableName": table, **properties}

    def load(self, table: str, items: Iterable[Json]) -> None:
        """Write many encoded items, without the checks of botocore, which take half of the time."""
        for batch in batched(items, BATCH_ITEMS, strict=False):
            puts = [{"PutRequest": {"Item": item}} for item in batch]
            status, answered = self.answer("BatchWriteItem", {"RequestItems": {table: puts}})
            assert status == OK, answered

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> tuple[int, Json]:
        """Return the status and the body of DynamoDB's response to a call."""
        body = json.dumps(parameters).encode()
        with self._lock:
            status, answered = self._answer(operation, body)
            if str(answered.get("__type")).endswith("ResourceNotFoundException") and self._create_planned(body):
                status, answered = self._answer(operation, body)
        return status, answered

    def _answer(self, operation: str, body: bytes) -> tuple[int, Json]:
        headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
        status, _, content = completed(self._handle("POST", "/", headers, body, {}))
        return status, json.loads(content)

    def _create_planned(self, body: bytes) -> bool:
        """Create the planned tables that a request names. Return whether there were any."""
        named = [table for table in self._planned if table.encode() in body]
        for table in named:
            status, answered = self._answer("CreateTable", json.dumps(self._planned.pop(table)).encode())
            assert status == OK, answered
        return bool(named)


class Client:
    """A client like boto3's, with the same parameters, responses and errors."""

    def __init__(self, database: DynamoDBInProcess) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Callable[..., Json]:
        """Return a function that calls the operation with this Python name, such as `get_item`.

        Raises:
            AttributeError: DynamoDB has no such operation.
        """
        operation = operations().get(name)
        if operation is None or operation.input_shape is None:
            raise AttributeError(name)
        shape = operation.input_shape

        def call(**parameters: Any) -> Json:
            report = ParamValidator().validate(parameters, shape)
            if report.has_errors():
                raise ParamValidationError(report=report.generate_report())
            status, answered = self._database.answer(operation.name, parameters)
            if status != OK:
                raise error_of(answered, operation.name, status)
            return answered

        return call


@cache
def operations() -> Mapping[str, OperationModel]:
    """Return DynamoDB's operations by their names in Python."""
    model = ServiceModel(Loader().load_service_model("dynamodb", "service-2"), "dynamodb")
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def error_of(answered: Json, operation: str, status: int) -> ResponseError:
    """Return the error for DynamoDB's response, with members such as `CancellationReasons`."""
    rest = {name: value for name, value in answered.items() if name not in {"__type", "message", "Message"}}
    code, message = answered["__type"].rpartition("#")[2], answered.get("message", answered.get("Message", ""))
    metadata = {"HTTPStatusCode": status, "RetryAttempts": 0}
    response = {**rest, "Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return ResponseError(response, operation)


def stream_records(table: str) -> list[Json]:
    """Return all records in the stream of a table, oldest first."""
    records: list[Json] = import_module("ministack.services.dynamodb").stream_live_records(table)
    return list(records)


def load() -> Handler:
    """Return the DynamoDB of the local cloud's environment. It needs only the standard library."""
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
    """Return the result of a coroutine that never waits."""
    try:
        cast("Any", call).send(None)
    except StopIteration as end:
        result: tuple[int, Any, bytes] = end.value
        return result
    raise AssertionError("it waits for something")
