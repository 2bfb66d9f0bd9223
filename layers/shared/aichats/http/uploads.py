"""Uploads of a file's content to the URL that a provider returned for this file.

Anyone who has the URL can write the file, so the URL and its headers are secrets. The call doesn't use
:class:`httpx.Client`, which logs URLs, and the provider's credential isn't sent. No error shows the server's text.
"""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from http import HTTPStatus
from typing import BinaryIO

import httpx

from aichats.errors import APIConnectionError, APITimeoutError, ProviderError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.http.retry import backoff

MAX_UPLOAD_ATTEMPTS = 3
MAX_ATTEMPT_SECONDS = 300.0
"""The time limit of an attempt without a deadline."""
CHUNK_BYTES = 64 * 1024
MAX_STORAGE_ANSWER_BYTES = 64 * 1024
_TEMPORARY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_SLOW_CLIENT = b"<Code>RequestTimeout</Code>"
"""The part of an answer with which S3 says that the content did not arrive in time. Its status is 400."""


@frozen
class UploadTarget:
    """The URL that takes the content of one file.

    Attributes:
        provider: the provider's name, for errors.
        file_id: the id of the file, for errors.
        url: the URL, which contains a signature.
        headers: the headers that the signature requires.
    """

    provider: str
    file_id: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def is_usable(self, base_url: str) -> bool:
        """Return whether content may be sent there: with TLS, or to the server of the API, such as a mock server."""
        try:
            target, api = httpx.URL(self.url), httpx.URL(base_url)
        except httpx.InvalidURL:
            return False
        same_server = (target.scheme, target.host, target.port) == (api.scheme, api.host, api.port)
        can_be_sent = all(
            re.fullmatch(r"[A-Za-z0-9-]+", name) and re.fullmatch(r"[\x20-\x7e]*", value)
            for name, value in self.headers.items()
        )
        return bool(target.host) and (target.scheme == "https" or same_server) and can_be_sent


class _TemporaryError(Exception):
    """The storage did not take the content now. Another attempt may succeed."""


class _SizeError(Exception):
    """The content is shorter or longer than announced."""


type _Failure = _TemporaryError | httpx.TransportError


@frozen
class Uploader:
    """Sends the content of files. An upload may be repeated, because it replaces the content.

    Args:
        transport: the transport, which applies the deadline to every read and write.
    """

    transport: httpx.BaseTransport
    sleep: Callable[[float], None] = time.sleep
    randomness: random.Random = field(default_factory=random.SystemRandom)

    def put(self, target: UploadTarget, content: BinaryIO, byte_size: int) -> None:
        """Send ``byte_size`` bytes from the current position of a seekable file. Retry failures that may pass.

        Raises:
            APIConnectionError: the storage was not reached, failed, or had no time left. A later upload may succeed.
            ProviderError: the storage rejected the content, or the content has another size.
        """
        position, attempt = content.tell(), 1
        while (failure := self._failure(target, content, byte_size)) is not None:
            wait = backoff(attempt, self.randomness)
            if attempt >= MAX_UPLOAD_ATTEMPTS or wait >= remaining(default=float("inf")):
                raise _given_up(target, failure)
            self.sleep(wait)
            content.seek(position)
            attempt += 1

    def _failure(self, target: UploadTarget, content: BinaryIO, byte_size: int) -> _Failure | None:
        """Return the reason why an attempt failed, if another attempt may succeed."""
        try:
            self._attempt(target, content, byte_size)
        except _SizeError:
            raise _rejected(target, f"it does not have {byte_size} bytes") from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError):
            raise _rejected(target, "the request can't be sent") from None
        except (_TemporaryError, httpx.TransportError) as error:
            return error
        return None

    def _attempt(self, target: UploadTarget, content: BinaryIO, byte_size: int) -> None:
        timeout = httpx.Timeout(remaining(default=MAX_ATTEMPT_SECONDS)).as_dict()
        headers = {name.lower(): value for name, value in target.headers.items()} | {"content-length": str(byte_size)}
        chunks, limits = _chunks(content, byte_size), {"timeout": timeout}
        request = httpx.Request("PUT", target.url, headers=headers, content=chunks, extensions=limits)
        response = self.transport.handle_request(request)
        try:
            answer = _beginning_of(response)
        finally:
            response.close()
        status = response.status_code
        if status in _TEMPORARY or status >= HTTPStatus.INTERNAL_SERVER_ERROR or _SLOW_CLIENT in answer:
            raise _TemporaryError(f"the storage answered {status}")
        if not response.is_success:
            raise _rejected(target, f"the storage answered {status}{_code(answer)}")


def _chunks(content: BinaryIO, byte_size: int) -> Iterator[bytes]:
    """Yield the content in parts.

    Raises:
        _SizeError: the content has another size. The request stays incomplete, so the storage ignores it.
    """
    left = byte_size
    while chunk := content.read(CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left != 0:
        raise _SizeError


def _beginning_of(response: httpx.Response) -> bytes:
    with suppress(httpx.DecodingError):
        return next(response.iter_bytes(MAX_STORAGE_ANSWER_BYTES), b"")
    return b""


def _code(answer: bytes) -> str:
    """Return the code in an answer of S3, such as ``AccessDenied``."""
    match = re.search(rb"<Code>([A-Za-z]{1,60})</Code>", answer)
    return f" {match[1].decode()}" if match else ""


def _rejected(target: UploadTarget, reason: str) -> ProviderError:
    return ProviderError(f"the content of {target.file_id} was rejected: {reason}", provider=target.provider)


def _given_up(target: UploadTarget, failure: _Failure) -> APIConnectionError:
    """Return the error after the last attempt. An error of httpx isn't shown, because it may contain the URL."""
    kind = APITimeoutError if isinstance(failure, httpx.TimeoutException) else APIConnectionError
    reason = str(failure) if isinstance(failure, _TemporaryError) else "the storage was not reached, or was too slow"
    return kind(f"the content of {target.file_id} was not uploaded: {reason}", provider=target.provider)
