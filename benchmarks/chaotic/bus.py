"""A proxy for EventBridge that rejects events: all of a call, some of it, or none but without an answer."""

import json
import random
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.chaotic.proxy import Call, Fate, Proxy
from local.cloud.emulator import ACCOUNT, REGION

FAULTS = ("throttled", "broken", "partial", "unanswered")
SERVICE = "events"
"""The service's name in signatures."""
KEPT_HEADERS = {"host", "content-type", "x-amz-target"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}
THROTTLED = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}

type Answer = tuple[int, dict[str, str], bytes]


class Bus(Proxy):
    """A proxy for the calls to EventBridge, in its ``with`` block.

    Args:
        upstream: URL of EventBridge.
        decide: the fate of a call that the bus doesn't reject.
        share: share of calls that fail.
        seed: of all draws.
    """

    def __init__(self, upstream: str, decide: Callable[[Call], Fate], *, share: float, seed: int) -> None:
        super().__init__(upstream, decide)
        self.refused = 0
        """The number of failed calls."""
        self._share = share
        self._random = random.Random(seed)
        self._draws = Lock()

    def forward(self, call: Call) -> Answer:
        """Forward a call, or as much of it as the fault lets through.

        Raises:
            OSError: the connection was aborted, or the answer is withheld.
            http.client.HTTPException: the connection was aborted within the response.
        """
        with self._draws:
            fault = self._random.choice(FAULTS) if self._random.random() < self._share else None
            self.refused += fault is not None
        match fault:
            case "throttled":
                return HTTPStatus.BAD_REQUEST, JSON, json.dumps({"__type": THROTTLED["ErrorCode"]}).encode()
            case "broken":
                return HTTPStatus.INTERNAL_SERVER_ERROR, JSON, b'{"__type": "InternalException"}'
            case "partial":
                return self._in_part(call)
            case "unanswered":
                super().forward(call)
                raise ConnectionAbortedError
            case _:
                return super().forward(call)

    def _in_part(self, call: Call) -> Answer:
        """Forward a part of the events, and reject the others."""
        request = request_of(call)
        entries = request["Entries"]
        with self._draws:
            accepted = [self._random.random() < 1 / 2 for _ in entries]
        taken = [entry for entry, is_accepted in zip(entries, accepted, strict=True) if is_accepted]
        results = iter(self._accept(call, request | {"Entries": taken}) if taken else [])
        answers = [next(results) if is_accepted else THROTTLED for is_accepted in accepted]
        failed = len(entries) - len(taken)
        return HTTPStatus.OK, JSON, json.dumps({"FailedEntryCount": failed, "Entries": answers}).encode()

    def _accept(self, call: Call, request: dict[str, Any]) -> list[dict[str, str]]:
        status, _, content = super().forward(changed(call, request, SERVICE))
        if status != HTTPStatus.OK:
            raise ConnectionAbortedError
        entries: list[dict[str, str]] = json.loads(content)["Entries"]
        return entries


def request_of(call: Call) -> dict[str, Any]:
    """Return the JSON body of a call.

    Raises:
        ConnectionAbortedError: the body is incomplete, because the client was killed.
    """
    try:
        request: dict[str, Any] = json.loads(call.body)
    except ValueError:
        raise ConnectionAbortedError from None
    return request


def changed(call: Call, request: object, service: str) -> Call:
    """Return a call with another JSON body, signed for a service by the account of the local AWS."""
    kept = {name: value for name, value in call.headers.items() if name.lower() in KEPT_HEADERS}
    body = json.dumps(request).encode()
    signed = AWSRequest(call.method, f"http://{call.headers['Host']}{call.path}", kept, body)
    SigV4Auth(Credentials(ACCOUNT, "local"), service, REGION).add_auth(signed)
    return Call(call.method, call.path, {**dict(signed.headers.items()), "Content-Length": str(len(body))}, body)
