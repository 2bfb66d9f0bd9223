"""Mocks of AWS, Whop and a receiver of events on loopback, over TLS, that answer immediately."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from socket import socket
from threading import Lock
from typing import Any

import certifi

from benchmarks.certificates import hash_folder, make_certificate
from benchmarks.loopback import Handler, Server

type Json = dict[str, Any]
type Answer = Callable[[Json], Json]
"""Returns the body of the response to a request's body. ``{url}`` becomes the address of the mocks. A body
with ``__type`` is an error of AWS."""

CHAT = {
    "id": "aich_xxxxxxxxxxxxx",
    "title": "Weekly revenue",
    "notification_preference": "all",
    "message_count": 1,
    "blended_token_usage": "0.0",
    "created_at": "2026-11-23T14:00:00.401Z",
    "updated_at": "2026-11-23T14:00:00.401Z",
    "last_message_at": None,
    "user": {"id": "user_xxxxxxxxxxxxx"},
    "agent_identifier": "support",
}
CREATE, CHANGE, DELIVERY, SCHEDULE_GROUP = "create chat", "change chat", "delivery", "ListSchedules"
"""Operations that are recognized by their path. Other calls to AWS name theirs, such as ``PutItem``, in a header."""
RECEIVER = "/receiver"
"""The path of the receiver of events."""
BEARER = "benchmark"
"""The token of the caller of the HTTP API."""
WEBHOOK_SECRET = "ws_" + "0123456789abcdef" * 4
PATHS = {RECEIVER: DELIVERY, "/schedules": SCHEDULE_GROUP}
SECRETS: Mapping[str, Json] = {
    "aichats/benchmark/whop": {"api_key": "key_of_the_benchmark"},
    "aichats/benchmark/kodey": {"api_key": "key_of_the_benchmark"},
    "aichats/benchmark/webhook": {"secrets": [WEBHOOK_SECRET]},
    "aichats/benchmark/events": {"signing_key": "k" * 64},
    "aichats/benchmark/callers": {
        "benchmark": {
            "sha256": hashlib.sha256(BEARER.encode()).hexdigest(),
            "scopes": ["chats:read", "chats:write"],
        }
    },
}


def secret(request: Json) -> Json:
    """Return a secret as Secrets Manager does. A stack with an API key has no secret of a connection."""
    name = request["SecretId"]
    if name not in SECRETS:
        return {"__type": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret."}
    return {"Name": name, "SecretString": json.dumps(SECRETS[name]), "VersionId": "1", "CreatedDate": 1763913600.0}


def accepted(request: Json) -> Json:
    """Accept a batch of messages as SQS does."""
    return {"Successful": [{"Id": entry["Id"], "MessageId": entry["Id"]} for entry in request["Entries"]], "Failed": []}


def published(request: Json) -> Json:
    """Accept events as EventBridge does."""
    return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in request["Entries"]]}


ANSWERS: Mapping[str, Answer] = {
    "GetSecretValue": secret,
    "SendMessageBatch": accepted,
    "PutEvents": published,
    CREATE: lambda _: CHAT,
    CHANGE: lambda _: CHAT,
    SCHEDULE_GROUP: lambda _: {"Schedules": []},
}
"""The answers of all variants by operation. Other operations answer with an empty object, as DynamoDB does."""


class Upstream(Server):
    """A server that listens in its ``with`` block.

    Attributes:
        url: its URL, ``https://127.0.0.1:<port>``.
        ca_bundle: the certificates for a client in one file, as certifi ships them, and the server's own.
        ca_folder: the same certificates in a folder, in which OpenSSL looks up the one that it needs by its hash.
        answers: the answers of a variant, before those of all variants.
        calls: number of calls, by operation.
        seconds: total time of its responses.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(_Calls)
        certificate, self._tls = make_certificate(folder, "127.0.0.1")
        self.ca_bundle = folder / "ca-bundle.pem"
        self.ca_bundle.write_text(certifi.contents() + certificate.read_text())
        self.ca_folder = hash_folder(self.ca_bundle, folder / "ca-folder")
        self.url = f"https://127.0.0.1:{self.server_port}"
        self.answers: Mapping[str, Answer] = {}
        self.calls: Counter[str] = Counter()
        self.seconds = 0.0
        self._lock = Lock()

    def get_request(self) -> tuple[socket, Any]:
        """Accept a connection. Its handshake comes later, in the thread that serves it."""
        connection, address = super().get_request()
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def answer_to(self, operation: str, request: Json) -> Json:
        """Return the body of a response."""
        answer = self.answers.get(operation) or ANSWERS.get(operation)
        return answer(request) if answer else {}

    def note(self, operation: str, seconds: float) -> None:
        """Count a call."""
        with self._lock:
            self.calls[operation] += 1
            self.seconds += seconds


class _Calls(Handler):
    server: Upstream

    def respond(self) -> None:
        """Answer a call to AWS, to Whop or to the receiver."""
        begun = time.perf_counter()
        request = json.loads(self.body() or b"{}")
        operation = self._operation()
        answer = self.server.answer_to(operation, request)
        content = json.dumps(answer).replace("{url}", self.server.url).encode()
        self.answer(400 if "__type" in answer else 200, content, {"Content-Type": "application/json"})
        # Count before sending, so that the call is counted when the function continues.
        self.server.note(operation, time.perf_counter() - begun)

    def _operation(self) -> str:
        if target := self.headers.get("X-Amz-Target"):
            return str(target).rpartition(".")[2]
        path = self.path.partition("?")[0]
        if path in PATHS:
            return PATHS[path]
        return CREATE if self.command == "POST" else CHANGE
