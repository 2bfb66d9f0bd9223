"""Answers of the local HTTP API below ``/_local``, for the command `aichats`. A deployed API has none of them.

- ``GET /_local``: the stack, the local AWS and the mock servers
- ``GET /_local/logs?cursor=…``: the lines of the functions' logs after the cursor of the last answer
- ``POST /_local/reset``: empties the mock servers
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from aichats_cli.profiles import LOOPBACK
from local.cloud.http_event import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.cloud.http_event import Request
    from local.cloud.logs import LogStore

PREFIX = "/_local"


@dataclass(frozen=True)
class LocalPages:
    """The answers below ``/_local``, which need no token, because only programs of this machine get them.

    A page of the web gets none, whose script runs in a browser on this machine: its requests name another host, even if
    its name was made to resolve to this machine, or they name its origin.
    """

    about: Mapping[str, Any]
    """The answer to ``GET /_local``."""
    logs: LogStore
    reset: Callable[[], None]
    """Empties the mock servers."""

    def answer(self, request: Request) -> Reply:
        """Return the response to a request below ``/_local``.

        The status is 403 for a page of the web, and 502 if a part of the system doesn't answer.
        """
        if not is_from_here(request):
            return Reply.message(403, "use an address of this machine, such as http://127.0.0.1:3000")
        try:
            return self._answer(request)
        except (httpx.HTTPError, BotoCoreError, ClientError) as error:
            return Reply.message(502, f"a part of the local stack doesn't answer: {error}")

    def _answer(self, request: Request) -> Reply:
        match request.method, request.path.removeprefix(PREFIX).strip("/"):
            case "GET", "":
                return json_reply(self.about)
            case "GET", "logs":
                lines, cursor = self.logs.after(parse_qs(request.query).get("cursor", [""])[-1])
                return json_reply({"lines": [line.as_json() for line in lines], "cursor": cursor})
            case "POST", "reset":
                self.reset()
                return Reply(204, [], b"")
        return Reply.message(404, "Not Found")


def is_from_here(request: Request) -> bool:
    """Return whether a request names this machine as its host and, if it names its origin, as its origin."""
    headers = {name.lower(): value for name, value in request.headers}
    origin = headers.get("origin")
    return _is_loopback(f"//{headers.get('host', '')}") and (origin is None or _is_loopback(origin))


def _is_loopback(url: str) -> bool:
    try:
        return LOOPBACK.fullmatch(urlsplit(url).hostname or "") is not None
    except ValueError:
        return False


def is_local(path: str) -> bool:
    """Return whether a path is ``/_local`` or below it."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def json_reply(value: object) -> Reply:
    """Return a response with JSON."""
    return Reply(200, [("content-type", "application/json"), ("cache-control", "no-store")], json.dumps(value).encode())
