"""Fakes that many tests share: a transport with a script, a clock without waiting, Secrets Manager and SQS."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Unpack

import httpx

from aichats.aws.errors import ResponseError
from aichats.aws.secrets import GetSecretValue, SecretKind

type Json = dict[str, Any]
type Step = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]
"""The outcome of one request: a response, an error, or a function that returns the response."""
type SecretValue = Json | str | bytes | Exception
"""A secret's value: a JSON object, a raw text, binary data, or the error that a read raises."""


JSON: SecretKind[Json] = SecretKind(lambda _, value: value)
"""A secret with any JSON object."""


class ScriptedTransport(httpx.BaseTransport):
    """A transport that responds by a script, and records requests. A request beyond the script fails the test.

    Attributes:
        requests: all requests, each read whole.
        script: the remaining steps.
    """

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        )
        if not self.script:
            raise AssertionError(f"unexpected request: {request.method} {request.url}")
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx.Response) else step(request)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The method and the path of each request."""
        return [(request.method, request.url.path) for request in self.requests]

    @property
    def bodies(self) -> list[Any]:
        """The JSON body of each request; ``None`` if there is none."""
        return [json.loads(request.content) if request.content else None for request in self.requests]


class FakeClock:
    """A clock that moves only in ``sleep``. It can replace the module ``time``."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    monotonic = __call__

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class FakeSecretsManager:
    """Secrets Manager in memory.

    Attributes:
        values: the secrets, which tests may change.
        reads: the names in the calls, in order.
        changed_at: the time at which a secret got its value, if that is known.
        previous: the earlier values of secrets.
    """

    def __init__(self, values: Mapping[str, SecretValue]) -> None:
        self.values = dict(values)
        self.reads: list[str] = []
        self.changed_at: dict[str, datetime] = {}
        self.previous: dict[str, SecretValue] = {}
        self._lock = threading.Lock()

    def get_secret_value(self, **request: Unpack[GetSecretValue]) -> Mapping[str, Any]:
        name = request["SecretId"]
        with self._lock:
            self.reads.append(name)
        values = self.previous if request.get("VersionStage") == "AWSPREVIOUS" else self.values
        value = values.get(name, aws_error("ResourceNotFoundException"))
        if isinstance(value, Exception):
            raise value
        created = {"CreatedDate": self.changed_at[name]} if name in self.changed_at else {}
        if isinstance(value, bytes):
            return {"SecretBinary": value, **created}
        return {"SecretString": value if isinstance(value, str) else json.dumps(value), **created}


@dataclass(frozen=True)
class Sent:
    """A message that was sent to a queue."""

    queue: str
    body: str
    delay: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The id of the message's run."""
        found: str = json.loads(self.body)["run_id"]
        return found

    @property
    def runs(self) -> list[tuple[str, int]]:
        """The message's run, or the runs of its group, each with the seconds until it is due."""
        body = json.loads(self.body)
        return [(body["run_id"], self.delay)] if "run_id" in body else [tuple(run) for run in body["runs"]]


class FakeSqs:
    """SQS in memory, for one sender.

    Attributes:
        sent: the sent messages, in order. Tests may remove those that they deliver.
        batches: the number of messages in each call.
        rejects: returns whether a message is rejected. SQS rejects the messages of a batch one by one.
        down: the error that every call raises, if any.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.batches: list[int] = []
        self.rejects: Callable[[Sent], bool] = lambda _: False
        self.down: Exception | None = None
        self._lock = threading.Lock()

    @property
    def runs(self) -> list[tuple[str, int]]:
        """The runs of all messages, each with the seconds until it is due."""
        return [run for sent in self.sent for run in sent.runs]

    def send_message_batch(self, **request: Any) -> Json:
        queue, entries = request["QueueUrl"], request["Entries"]
        if self.down is not None:
            raise self.down
        messages = {entry["Id"]: _sent(queue, entry) for entry in entries}
        assert 1 <= len(messages) == len(entries) <= 10, "SQS accepts one to ten messages, each with its own Id"
        failed = [identifier for identifier, message in messages.items() if self.rejects(message)]
        with self._lock:
            self.batches.append(len(entries))
            self.sent += [message for identifier, message in messages.items() if identifier not in failed]
        return {"Failed": [{"Id": identifier, "Code": "InternalError"} for identifier in failed]} if failed else {}


def _sent(queue: str, entry: Json) -> Sent:
    attributes = {name: value["StringValue"] for name, value in entry.get("MessageAttributes", {}).items()}
    delay = entry.get("DelaySeconds", 0)
    assert 0 <= delay <= 900, "SQS delays a message by at most 15 minutes"
    return Sent(queue, entry["MessageBody"], delay, attributes)


def aws_error(code: str, message: str = "a message of AWS") -> ResponseError:
    """Return the error for an error response of AWS."""
    return ResponseError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")


def ai_chat(**fields: Any) -> Json:
    """Return an AI chat as Whop returns it, with some fields changed."""
    return {
        "id": "aich_xxxxxxxxxxxxx",
        "title": "Weekly Revenue Analysis",
        "notification_preference": "all",
        "message_count": 42,
        "blended_token_usage": "123.45",
        "created_at": "2023-12-01T05:00:00.401Z",
        "updated_at": "2023-12-01T05:00:00.401Z",
        "last_message_at": None,
        "user": {"id": "user_xxxxxxxxxxxxx"},
    } | fields


def ok(body: object, **headers: str) -> httpx.Response:
    """Return a 200 with a JSON body, such as ``ok(ai_chat())``."""
    return httpx.Response(200, json=body, headers={"x-request-id": "req_ok"} | headers)


def page(*chats: Json, end_cursor: str | None = None, has_next_page: bool = False) -> httpx.Response:
    """Return a page of Whop's list of chats."""
    info = {
        "start_cursor": None,
        "end_cursor": end_cursor,
        "has_next_page": has_next_page,
        "has_previous_page": False,
    }
    return ok({"data": list(chats), "page_info": info})


def error_response(
    status: int, message: str = "a reason", *, headers: Mapping[str, str] | None = None, **fields: str | None
) -> httpx.Response:
    """Return an error response of Whop. ``fields`` are ``type``, ``code`` and ``param``."""
    error = {"type": "a_type", "code": None, "param": None} | fields | {"message": message}
    return httpx.Response(status, json={"error": error}, headers={"x-request-id": "req_refused"} | dict(headers or {}))


class FakeEventBridge:
    """EventBridge in memory. Each call takes the next of ``answers``: the places of the events that it rejects.

    Attributes:
        calls: the entries of each call.
        accepted: the events on the bus, in order, duplicates included.
    """

    def __init__(self, *answers: set[int] | Exception) -> None:
        self.answers = list(answers)
        self.calls: list[list[Json]] = []
        self.accepted: list[Json] = []

    @property
    def events(self) -> list[Json]:
        """The events of all calls, whether or not they were rejected."""
        return [json.loads(entry["Detail"]) for call in self.calls for entry in call]

    def put_events(self, **request: Any) -> Json:
        entries = request["Entries"]
        assert 1 <= len(entries) <= 10, "EventBridge accepts one to ten events"
        self.calls.append(entries)
        answer = self.answers.pop(0) if self.answers else set()
        if isinstance(answer, Exception):
            raise answer
        self.accepted += [json.loads(each["Detail"]) for place, each in enumerate(entries) if place not in answer]
        rejected = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
        return {"Entries": [rejected if place in answer else {"EventId": "1"} for place in range(len(entries))]}
