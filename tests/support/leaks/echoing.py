"""Mock servers that repeat each request in their rejections: in the body, in its fields and in the headers."""

import base64
import html
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.support.leaks.canaries import Canaries
from tests.support.leaks.kinds import ACCESS_TOKEN, CODE, REFRESH_TOKEN, UPLOAD_SIGNATURE, VERIFIER, WEBHOOK_SECRET

LEARNED = {
    "webhook_secret": WEBHOOK_SECRET,
    "code": CODE,
    "code_verifier": VERIFIER,
    "access_token": ACCESS_TOKEN,
    "refresh_token": REFRESH_TOKEN,
}
"""The kinds of secrets that Whop issues, by the name of their field."""
ECHOING_HEADERS = ("x-request-id", "cf-ray", "deprecation", "sunset", "link", "www-authenticate", "set-cookie")

type Json = dict[str, Any]


def _in_parts(text: str, length: int) -> str:
    """Return parts of a text, each a bit longer than masking must hide, apart from each other."""
    return " / ".join(text[at : at + length] for at in range(1, len(text) - length, length))


TOKEN_FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda token: quote(token, safe=""),
    "base64": lambda token: base64.b64encode(token.encode()).decode(),
    "parts": lambda token: _in_parts(token, 14),
}
TEXT_FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "html": html.escape,
    "url": lambda text: quote(text, safe=""),
    "parts": lambda text: _in_parts(text, 28),
}
FORMS = tuple(dict.fromkeys([*TEXT_FORMS, *TOKEN_FORMS]))
"""The forms in which a rejection repeats the request."""


@dataclass(frozen=True)
class Rejection:
    """An answer to one request.

    Attributes:
        request: the method and the beginning of the path of the request.
        status: the status of the answer.
        form: the form of the echo.
        code: the code of the error; ``None``: the echo.
        body: the whole body; ``None``: an error of the provider with the echo.
    """

    request: str
    status: int
    form: str = "plain"
    code: str | None = None
    body: Callable[[str], str] | None = None


class EchoingServer:
    """A mock server that rejects requests if a test says so, and learns the secrets of OAuth.

    Args:
        mock: the application of the mock server.
        error: returns the body of an error from the path of the request, a code and a message.
        canaries: the canaries, to which the secrets of OAuth are added.
        on_request: called with each request before it is answered.
    """

    def __init__(
        self,
        mock: ASGIApp,
        error: Callable[[str, str, str], Json],
        canaries: Canaries,
        on_request: Callable[[], None] = lambda: None,
    ) -> None:
        self._mock, self._error, self._canaries, self._on_request = mock, error, canaries, on_request
        self._rejections: list[Rejection] = []
        self.received: list[str] = []
        """All requests: headers and bodies."""

    def reject(self, *rejections: Rejection) -> None:
        """Reject the next requests."""
        self._rejections += rejections

    def stop_rejecting(self) -> list[Rejection]:
        """Forget the rejections that have not met a request, and return them."""
        left, self._rejections = self._rejections, []
        return left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self._mock(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        self._on_request()
        self.received.append(f"{request.method} {request.url} {dict(request.headers)} {body.decode(errors='replace')}")
        if scope["path"].startswith("/oauth/"):
            self._learn(body)
        rejection = self._take(f"{request.method} {scope['path']}")
        if rejection:
            await self._rejected(rejection, request, body)(scope, receive, send)
        else:
            await self._mock(scope, _repeating(body, receive), self._learning(scope["path"], send))

    def _take(self, request: str) -> Rejection | None:
        for rejection in self._rejections:
            if request.startswith(rejection.request):
                self._rejections.remove(rejection)
                return rejection
        return None

    def _rejected(self, rejection: Rejection, request: Request, body: bytes) -> Response:
        echo = " | ".join(_echoes(rejection.form, request, body))
        content = json.dumps(self._error(request.url.path, rejection.code or echo, echo))
        if rejection.body is not None:
            content = rejection.body(echo)
        # A header can't contain every character, so it repeats the texts as in URLs.
        in_header = " | ".join([*_echoes(rejection.form, request, b""), *_echoes("url", request, body)])
        headers = dict.fromkeys(ECHOING_HEADERS, in_header)
        return Response(content, rejection.status, headers, "application/json")

    def _learning(self, path: str, send: Send) -> Send:
        """Return ``send`` so that it learns the secrets in an answer."""

        async def learning(message: Message) -> None:
            if path.startswith("/oauth/") or path.endswith(("/webhooks", "/files")):
                self._learn(message.get("body", b""))
                for name, value in message.get("headers", ()):
                    if name == b"location":
                        self._learn_all(dict(parse_qsl(urlsplit(value.decode()).query)))
            await send(message)

        return learning

    def _learn(self, body: bytes) -> None:
        try:
            self._learn_all(json.loads(body))
        except (ValueError, AttributeError):
            return

    def _learn_all(self, fields: Json) -> None:
        for name, kind in LEARNED.items():
            if isinstance(value := fields.get(name), str):
                self._canaries.add(kind, value)
        if isinstance(url := fields.get("upload_url"), str):
            self._canaries.add(UPLOAD_SIGNATURE, dict(parse_qsl(urlsplit(url).query))["signature"])


def _echoes(form: str, request: Request, body: bytes) -> Iterator[str]:
    """Yield the tokens and the texts of a request in a form."""
    tokens = [request.headers.get("authorization", "").removeprefix("Bearer "), request.headers.get("x-api-key", "")]
    try:
        fields: Json = json.loads(body or b"{}")
    except ValueError:
        fields = {}
    tokens += [str(value) for name, value in fields.items() if name in LEARNED or name == "token"]
    texts = [text for name, value in fields.items() if name not in LEARNED for text in _texts(value)]
    echoes = [TOKEN_FORMS[form](token) for token in tokens if form in TOKEN_FORMS]
    echoes += [TEXT_FORMS[form](text) for text in texts if form in TEXT_FORMS]
    yield from filter(None, echoes)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def _repeating(body: bytes, receive: Receive) -> Receive:
    """Return a function that returns a body that was read already, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def repeating() -> Message:
        return messages.pop() if messages else await receive()

    return repeating


def whop_rejection(path: str, code: str, message: str) -> Json:
    """Return the body of an error of Whop or of its OAuth, whose fields repeat the request."""
    if path.startswith("/oauth/"):
        return {"error": code, "error_description": message}
    return {"error": {"type": code, "code": code, "message": message, "param": message}}


def kodey_rejection(_path: str, code: str, message: str) -> Json:
    """Return the body of an error of Kodey, whose fields repeat the request."""
    return {"error": code, "message": message, "allowedEndpoints": [message], "upgradeInstructions": message}
