"""Calls to AWS services by their JSON protocols, over pooled connections.

It replaces botocore where each millisecond of a cold start counts: botocore and its clients take half of one. botocore
remains for services with other protocols.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from binascii import crc32
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlsplit

from aichats.aws.errors import AwsError, NoResponseError, ResponseError
from aichats.aws.retries import EXPIRED, SKEWED, Quota, is_throttled, may_pass, pause_after
from aichats.aws.signing import sign_request
from aichats.http.deadline import remaining, time_limit
from aichats.http.transport import HTTPCORE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aichats.aws.credentials import CredentialSource
    from aichats.aws.services import Service
    from aichats.aws.signing import AwsCredentials
    from aichats.http.transport import DeadlineTransport, RawReply

CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 5.0
STORING_SECONDS = 1.5
"""The time that a call gets even if the deadline has passed. The deadline is two seconds before Lambda ends the
function, so that results can be stored in this time."""
SKEW_SECONDS = 240.0
"""The difference of the clocks from which a rejected signature counts as a wrong clock. AWS accepts five minutes."""
LOWEST_ERROR = 300
"""The lowest status of a response that is not a success."""
LOWEST_SERVER_ERROR = 500


class Client:
    """A client of one service. It has a method for each operation, such as ``get_item``. Safe to share between threads.

    A method takes the members of the request by name, and returns the response as decoded from JSON: a time is a number
    of Unix seconds. It raises :class:`ResponseError` if AWS answers with an error, and :class:`NoResponseError` if it
    does not answer, both after repetitions that may help and while time remains.

    Args:
        service: the service.
        region: the region.
        transport: makes the requests.
        credentials: the credentials.
        environment: the environment variables.
        clock: returns the time in Unix seconds.
        sleep: waits for some seconds.
        randomness: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        service: Service,
        region: str,
        transport: DeadlineTransport,
        credentials: CredentialSource,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        randomness: Callable[[], float] = random.random,
    ) -> None:
        self._service = service
        self._scope = region, service.name
        self._transport = transport
        self._credentials = credentials
        self._environment = environment
        self._clock, self._sleep, self._randomness = clock, sleep, randomness
        self._url = service.url(region, environment)
        parts = urlsplit(self._url)
        self._path = parts.path
        self._headers = {"host": parts.netloc, "content-type": f"application/x-amz-json-{service.version}"}
        if service.query_mode:
            self._headers["x-amzn-query-mode"] = "true"
        self._ahead = 0.0  # The seconds by which AWS's clock is ahead of this one.
        self._quota = Quota()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the method of an operation.

        Raises:
            AttributeError: functions don't use an operation of this name.
        """
        if name not in self._service.operations:
            raise AttributeError(name)
        return partial(self._call, name)

    def close(self) -> None:
        """Close all connections of the client's transport."""
        self._transport.close()

    def _call(self, name: str, **request: Any) -> dict[str, Any]:
        if name == self._service.tokenized and "ClientRequestToken" not in request:
            request["ClientRequestToken"] = _new_token()
        call = _Call("".join(map(str.capitalize, name.split("_"))), json.dumps(request).encode())
        with time_limit(math.inf, at_least=STORING_SECONDS):
            while True:
                answer = self._attempt(call)
                if answer is not None:
                    self._quota.give_back(call.tokens)
                    return answer
                self._sleep(self._pause(call))

    def _attempt(self, call: _Call) -> dict[str, Any] | None:
        """Make one attempt. Return the answer; ``None`` if the attempt failed and the call has the error."""
        call.attempt += 1
        call.status, call.headers = 0, {}
        try:
            call.credentials = self._credentials.current()
            call.status, call.headers, content = self._send(call, call.credentials)
            return call.read(content)
        except AwsError as error:
            call.error = error
        except HTTPCORE_ERRORS as error:
            call.error = NoResponseError(f"{self._url} did not answer: {str(error) or type(error).__name__}")
            call.error.__cause__ = error
        return None

    def _send(self, call: _Call, credentials: AwsCredentials) -> RawReply:
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock() + self._ahead))
        headers = {**self._headers, "x-amz-target": f"{self._service.target}.{call.operation}"}
        signed = sign_request(credentials, call.body, headers=headers, scope=self._scope, time=now, path=self._path)
        signed["user-agent"] = "aichats"
        trace = self._environment.get("_X_AMZN_TRACE_ID")
        if trace and "AWS_LAMBDA_FUNCTION_NAME" in self._environment:
            # With it, AWS finds functions that call each other in a loop. Proxies may change it, so it is not signed.
            signed["x-amzn-trace-id"] = quote(trace, safe="-=;:+&[]{}\"',")
        return self._transport.send("POST", self._url, signed, call.body, connect=CONNECT_SECONDS, read=ANSWER_SECONDS)

    def _pause(self, call: _Call) -> float:
        """Return the seconds until the next attempt.

        Raises:
            AwsError: another attempt does not help, or there is no time or no quota for it.
        """
        error, code = call.error, call.code
        if call.may_repair and (self._corrects_clock(call, code) or self._renews_credentials(call, code)):
            call.may_repair = False
            return 0.0
        throttled = is_throttled(code, call.status)
        pause = pause_after(
            call.attempt, self._service.first_pause, self._randomness(), throttled=throttled, headers=call.headers
        )
        is_last = call.attempt >= self._service.attempts or pause >= remaining(default=math.inf)
        tokens = 0 if is_last or not may_pass(code, call.status) else self._quota.take(throttled=throttled)
        if not tokens:
            raise error
        call.tokens = tokens
        return pause

    def _corrects_clock(self, call: _Call, code: str) -> bool:
        """Compare the clocks if AWS may have rejected a signature for its time. Return whether the clock was wrong."""
        if code not in SKEWED or "date" not in call.headers:
            return False
        from email.utils import parsedate_to_datetime

        try:
            ahead = parsedate_to_datetime(call.headers["date"]).timestamp() - self._clock()
        except ValueError:
            return False
        if abs(ahead - self._ahead) < SKEW_SECONDS:
            return False
        self._ahead = ahead
        return True

    def _renews_credentials(self, call: _Call, code: str) -> bool:
        return code in EXPIRED and call.credentials is not None and self._credentials.expire(call.credentials)


class _Call:
    """A call, which may take several attempts."""

    error: AwsError
    credentials: AwsCredentials | None = None
    attempt = 0
    tokens = 0
    may_repair = True
    status = 0
    headers: Mapping[str, str]

    def __init__(self, operation: str, body: bytes) -> None:
        self.operation = operation
        self.body = body

    @property
    def code(self) -> str:
        """AWS's code of the error; empty without a response."""
        return str(self.error.response["Error"]["Code"]) if isinstance(self.error, ResponseError) else ""

    def read(self, content: bytes) -> dict[str, Any]:
        """Return the answer from the body of a response.

        Raises:
            ResponseError: the response is an error.
            NoResponseError: the body is damaged.
        """
        checksum = self.headers.get("x-amz-crc32", "")
        if checksum.isdigit() and int(checksum) != crc32(content):
            self._fail("the checksum of the response is wrong")
        if self.status >= LOWEST_ERROR:
            raise ResponseError(error_response(self.status, self.headers, content), self.operation)
        try:
            found = json.loads(content, object_hook=_without_nulls if b"null" in content else None) if content else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self._fail("the response is not JSON")
        return found

    def _fail(self, reason: str) -> NoReturn:
        self.status = 0
        raise NoResponseError(f"AWS did not answer {self.operation}: {reason}")


def error_response(status: int, headers: Mapping[str, str], content: bytes) -> dict[str, Any]:
    """Return an error as :class:`ResponseError` has it, from the response of a service."""
    metadata: dict[str, Any] = {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)}
    if "x-amzn-requestid" in headers:
        metadata["RequestId"] = headers["x-amzn-requestid"]
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        found = {"message": _plain_message(status, content)}
    code = str(found.pop("__type", None) or headers.get("x-amzn-errortype") or found.get("code") or status)
    code = code.partition(":")[0].rpartition("#")[2]
    error = {"Message": found.get("message", found.get("Message", "")), "Code": code}
    query_code, _, kind = headers.get("x-amzn-query-error", "").partition(";")
    if query_code and kind and ";" not in kind:
        error |= {"Code": query_code, "QueryErrorCode": code, "Type": kind}
    return {**_without_nulls(found), "Error": error, "ResponseMetadata": metadata}


def _plain_message(status: int, content: bytes) -> str:
    text = content.strip()
    if status >= LOWEST_SERVER_ERROR and (not text or text.startswith(b"<html>")):
        from http.client import responses

        return responses.get(status, "")
    return content.decode(errors="replace")


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without the members that are null, which count as missing."""
    return {name: member for name, member in value.items() if member is not None}


def _new_token() -> str:
    import uuid

    return str(uuid.uuid4())
