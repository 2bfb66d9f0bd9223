"""Whop's OAuth in memory: refresh tokens that change at each use, and whose second use revokes all of their family."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from tests.support.fakes import Json

LIFETIME = timedelta(hours=1)


@dataclass
class Family:
    """The tokens that come from one consent.

    Attributes:
        refresh_token: the only refresh token that is valid now.
        used: the number of uses of each refresh token.
        is_revoked: whether no token of the family can be refreshed any more.
        ends: the ends of the access tokens.
    """

    name: str
    refresh_token: str
    used: dict[str, int] = field(default_factory=dict)
    is_revoked: bool = False
    ends: dict[str, datetime] = field(default_factory=dict)


class OAuthInMemory(httpx.BaseTransport):
    """Whop's endpoint for tokens. Safe to share between threads.

    Attributes:
        families: the families, by their names.
        faults: the faults of the next calls: ``lost`` (done, then the connection breaks), ``cut`` (the connection
            breaks, nothing is done), ``unreachable``, ``malformed`` (done, but the answer is no JSON), or a status.
        replaces_tokens: whether a refresh replaces the refresh token; if not, the answer has none.
        fields: further fields of each answer.
        meanwhile: runs in the middle of a call that Whop performs, after the tokens changed.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.families: dict[str, Family] = {}
        self.faults: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.replaces_tokens = True
        self.fields: Json = {}
        self.requests: list[Json] = []
        self._issued: Counter[str] = Counter()
        self._lock = threading.RLock()

    def consent(self, name: str, **fields: str) -> Json:
        """Return the content of a connection's secret after a person consented."""
        family = Family(name, "")
        self.families[name] = family
        return {"oauth": {"client_id": "app_1", **fields, **self._issue(family)}}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.read())
        with self._lock:
            self.requests.append(body)
            fault = self.faults.pop(0) if self.faults else ""
        if fault == "unreachable":
            raise httpx.ConnectError("no route to host")
        if fault == "cut":
            raise httpx.ReadError("connection lost")
        if fault.isdigit():
            return httpx.Response(int(fault), json={"error": "server_error", "error_description": "try later"})
        with self._lock:
            response = self._refresh(body)
        self.meanwhile()
        if fault == "lost":
            raise httpx.ReadError("connection lost")
        return httpx.Response(200, text="<html>") if fault == "malformed" else response

    def _refresh(self, body: Json) -> httpx.Response:
        token = body["refresh_token"]
        family = next((each for each in self.families.values() if token in {each.refresh_token, *each.used}), None)
        if family is None:
            return _invalid_grant("unknown refresh token")
        family.used[token] = family.used.get(token, 0) + 1
        if token != family.refresh_token:
            family.is_revoked = True
        if family.is_revoked:
            return _invalid_grant("the refresh token was revoked")
        issued = self._issue(family) | {"expires_in": int(LIFETIME.total_seconds())} | self.fields
        if not self.replaces_tokens:
            family.refresh_token = token
            del issued["refresh_token"]
        return httpx.Response(200, json=issued)

    def _issue(self, family: Family) -> Json:
        number = self._issued[family.name]
        self._issued[family.name] += 1
        access_token, family.refresh_token = f"oauth_{family.name}_{number}", f"refresh_{family.name}_{number}"
        family.ends[access_token] = self.clock() + LIFETIME
        ends_at = int(family.ends[access_token].timestamp())
        return {"access_token": access_token, "refresh_token": family.refresh_token, "expires_at": ends_at}


def _invalid_grant(description: str) -> httpx.Response:
    return httpx.Response(401, json={"error": "invalid_grant", "error_description": description})
