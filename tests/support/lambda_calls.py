"""Calls the two functions as Lambda does, and checks each answer of the HTTP API against its own OpenAPI document."""

import base64
import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from copy import deepcopy, replace
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, get_args

import httpx
from aws_lambda_powertools.utilities.typing import LambdaContext
from jsonschema import Draft202012Validator

from aichats.api.app import create_api
from aichats.api.callers import Scope
from aichats.api.every_operation import OPERATIONS
from aichats.api.openapi import document
from aichats.api.public_pages import CONSOLE, PUBLIC
from aichats.automations.reconcile import AutomationService
from aichats.aws.secrets import SecretStore
from aichats.bootstrap import Application
from aichats.events.log import EventLog
from aichats.init_phase import InitPhase
from aichats.runs.ledger.times import utc_now
from aichats.runs.providers.connected import connect
from aichats.runs.providers.marks import preparation
from aichats.runs.queue import Queue
from aichats.settings import Settings
from aichats.subscriptions.delivery_queue import DeliveryQueue
from aichats.subscriptions.table import SubscriptionTable
from local.setup import ROOT
from tests.support.automations import FakeScheduler, make_schedules, make_store
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json, SecretValue
from tests.support.ledgers import make_ledger
from tests.support.subscriptions import events_table

EVENTS = ROOT / "events"
REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

WHOP_SECRET = "aichats/dev/whop"
KODEY_SECRET = "aichats/test/kodey"
CALLERS_SECRET = "aichats/dev/callers"
WEBHOOK_SECRET = "aichats/dev/webhook"
EVENTS_SECRET = "aichats/dev/events"
SIGNING_KEY_OF_STACK = "key-of-stack-" + "0123456789abcdef" * 3
SIGNED_WITH = "ws_" + "0123456789abcdef" * 4
"""The secret with which Whop signs on the local cloud."""
WHOP_KEY = "whop-key-of-all"
KODEY_KEY = "sk_live_key-of-all"

READER = "token-of-reader"
WRITER = "token-of-writer"
LOCAL = "local-token"


def stored_caller(token: str, *scopes: str) -> Json:
    """Return a caller as ``aichats admin callers add`` stores it."""
    return {"sha256": hashlib.sha256(token.encode()).hexdigest(), "scopes": list(scopes)}


SECRETS: Mapping[str, SecretValue] = {
    WHOP_SECRET: {"api_key": WHOP_KEY, "companies": {"biz_own": "whop-key-of-biz-own"}},
    WEBHOOK_SECRET: {"secrets": [SIGNED_WITH]},
    KODEY_SECRET: {"api_key": KODEY_KEY},
    EVENTS_SECRET: {"signing_key": SIGNING_KEY_OF_STACK},
    CALLERS_SECRET: {
        "local": stored_caller(LOCAL, *get_args(Scope.__value__)),
        "reader": stored_caller(READER, "chats:read"),
        "writer": stored_caller(WRITER, "chats:write"),
    },
}


def make_context(seconds_left: float = 29.0) -> LambdaContext:
    """Return the context of an invocation with this time left."""

    class FakeContext(LambdaContext):
        _function_name = "aichats-function"
        _function_version = "$LATEST"
        _memory_limit_in_mb = 512
        _invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:aichats-function"
        _aws_request_id = REQUEST_ID

        @staticmethod
        def get_remaining_time_in_millis() -> int:
            return int(seconds_left * 1000)

    return FakeContext()


def make_application(
    whop: httpx.BaseTransport,
    secrets: FakeSecretsManager | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    sqs: FakeSqs | None = None,
    scheduler: FakeScheduler | None = None,
    **settings: Any,
) -> Application:
    """Return an application whose Whop, Secrets Manager, SQS and Scheduler are fakes. Its tables are real and empty."""
    variables = {name.upper(): str(value) for name, value in settings.items()}
    environment = {**os.environ, "WEBHOOK_SECRET": WEBHOOK_SECRET, **variables}
    read = Settings.from_environment(environment)
    store = SecretStore(secrets or FakeSecretsManager(SECRETS))
    ledger = replace(make_ledger(clock), prepare=preparation(read.runs_table, mark_titles=True))
    queue = Queue(lambda: sqs or FakeSqs(), read.run_queue_url, read.slow_run_queue_url, read.run_dead_letters_url)
    providers = connect(environment, store, whop, ledger)
    app = Application(environment, store, whop, ledger, queue, read, providers, InitPhase(environment, store))
    app.automation_table = make_store(clock)
    app.webhook_index = app.automation_table.webhook_index
    events = events_table()
    app.event_log, app.subscriptions = EventLog(events, clock), SubscriptionTable(events, clock)
    app.outgoing.queue = DeliveryQueue(
        lambda: sqs or FakeSqs(), "https://sqs/quick", "https://sqs/slow", "https://sqs/dead"
    )
    app.automations = AutomationService(
        app.automation_table, make_schedules(scheduler or FakeScheduler(clock), clock), clock
    )
    return app


def http_event(
    method: str,
    path: str,
    body: object = None,
    *,
    query: str = "",
    token: str | None = f"Bearer {LOCAL}",
    headers: Mapping[str, str | None] | None = None,
    in_base64: bool = False,
) -> Json:
    """Return an event of API Gateway. The body is sent as it is or as JSON; bytes and ``in_base64`` as base64.

    ``None`` headers are left out.
    """
    event: Json = deepcopy(_example())
    content = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
    in_base64 = in_base64 or isinstance(content, bytes)
    sent = event["headers"] | {"content-type": "application/json", "authorization": token} | dict(headers or {})
    event |= {
        "rawPath": path,
        "rawQueryString": query,
        "body": _encoded(content) if in_base64 and content is not None else content,
        "isBase64Encoded": in_base64,
        "headers": {name: value for name, value in sent.items() if value is not None},
    }
    event["requestContext"]["http"] |= {"method": method, "path": path}
    return event


def uncompressed(reply: Json) -> tuple[dict[str, str], str]:
    """Return the headers and the body of an answer of the API, as a client sees them that reads gzip."""
    headers = {name.lower(): value for name, value in reply["headers"].items()}
    body = reply.get("body") or ""
    if headers.get("content-encoding") != "gzip":
        return headers, body
    del headers["content-encoding"]
    return headers, gzip.decompress(base64.b64decode(body)).decode()


def _encoded(content: bytes | str) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


@dataclass(frozen=True)
class Answer:
    """An answer of the HTTP API. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [problem["field"] for problem in self.json["errors"]]


class HttpCaller:
    """Calls the HTTP API through ``handler``, which is a Lambda handler or a replacement for it."""

    def __init__(self, handler: Callable[[Json, LambdaContext], Json]) -> None:
        self._handler = handler

    def __call__(self, method: str, path: str, body: object = None, **options: Any) -> Answer:
        return self.send(http_event(method, path, body, **options))

    def send(self, event: Json, context: LambdaContext | None = None) -> Answer:
        """Return the answer to a whole event, once it was checked against the document."""
        reply = self._handler(event, context or make_context())
        headers, body = uncompressed(reply)
        answer = Answer(reply["statusCode"], headers, body)
        check_against_document(event["requestContext"]["http"]["method"], event["rawPath"], answer)
        return answer


def call_api(whop: httpx.BaseTransport, secrets: FakeSecretsManager | None = None, **settings: Any) -> HttpCaller:
    """Return a caller of the API of an application whose Whop and Secrets Manager are fakes."""
    return HttpCaller(create_api(make_application(whop, secrets, **settings)).resolve)


SOMETIMES_SENT = {"paused"}
"""The headers of successful answers that are sent only if they have something to say."""


def check_against_document(method: str, path: str, answer: Answer) -> None:
    """Fail unless the OpenAPI document has the answer. Every error is a problem document, even without a path."""
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        validator("#/components/schemas/Problem").validate(answer.json)
        assert answer.json["status"] == answer.status
        assert answer.json["request_id"] == REQUEST_ID
    operation = _find_operation(method, path)
    if operation is None:
        assert answer.status >= 400 or method == "OPTIONS" or path in (*PUBLIC, CONSOLE)
        return
    described = operation["responses"][str(answer.status)]
    if answer.status < 400:
        assert {name.lower() for name in described.get("headers", ())} <= answer.headers.keys() | SOMETIMES_SENT
        for media_type, content in described.get("content", {}).items():
            assert answer.headers["content-type"] == media_type
            validator(content["schema"].get("$ref")).validate(answer.json)
        assert described.get("content") or not answer.body


@cache
def validator(reference: str | None) -> Draft202012Validator:
    """Return the validator of a schema of the document; without a reference, everything is valid."""
    schema = {"$ref": reference, "components": openapi()["components"]} if reference else {}
    return Draft202012Validator(schema)


@cache
def openapi() -> Json:
    """Return the OpenAPI document."""
    return document(OPERATIONS)


@cache
def _example() -> Json:
    event: Json = json.loads((EVENTS / "http/create_chat.json").read_text())
    return event


def _find_operation(method: str, path: str) -> Json | None:
    paths: Json = openapi()["paths"]
    for template, operations in [(path, paths[path])] if path in paths else paths.items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) and method.lower() in operations:
            found: Json = operations[method.lower()]
            return found
    return None
