"""Whop's OAuth on a free port, with the answers that a test needs, and a browser whose user consents at once."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.plain_http import plain_client
from tests.support.mock_servers import running
from tests.support.waiting import PATIENCE

CLIENT_ID = "app_canteen"
CODE = "canary-code"
ACCESS_TOKEN = "canary-access"
REFRESH_TOKEN = "canary-refresh"

type Json = dict[str, Any]


class FakeOAuth:
    """Whop's OAuth endpoints.

    Attributes:
        consents: the parameters of each request to `authorize`.
        exchanges: the bodies of the requests to `token`.
        revoked: the bodies of the requests to `revoke`.
        redirect: returns the query of the redirect from that of a user who consents.
        token: the answer of `token`; ``None``: tokens for a valid request.
        claims: changes to the claims of the ID token; ``None``: no ID token.
        scope: the scopes that are granted; ``None``: the answer doesn't say them.
        userinfo: the answer of `userinfo`.
        revocation: the answer of `revoke`.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.consents: list[dict[str, str]] = []
        self.exchanges: list[Json] = []
        self.revoked: list[Json] = []
        self.redirect: Callable[[dict[str, str]], dict[str, str]] = lambda query: query
        self.token: Callable[[], Response] | None = None
        self.claims: Json | None = {}
        self.scope: str | None = "openid profile ai_chat:create ai_chat:update ai_chat:delete"
        self.userinfo: Callable[[], Response] = lambda: JSONResponse({"sub": "user_1", "name": "Jane\x1b Doe"})
        self.revocation: Callable[[], Response] = lambda: JSONResponse({})

    @property
    def secrets(self) -> list[str]:
        """All values that no output may contain."""
        verifiers = [str(body["code_verifier"]) for body in self.exchanges]
        return [CODE, ACCESS_TOKEN, REFRESH_TOKEN, *verifiers]

    def app(self) -> Starlette:
        """Return the application."""
        routes = [
            Route("/oauth/authorize", self._authorize),
            Route("/oauth/token", self._token, methods=["POST"]),
            Route("/oauth/userinfo", self._userinfo),
            Route("/oauth/revoke", self._revoke, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _authorize(self, request: Request) -> Response:
        self.consents.append(dict(request.query_params))
        query = self.redirect({"code": CODE, "state": request.query_params["state"]})
        return RedirectResponse(f"{request.query_params['redirect_uri']}?{urlencode(query)}")

    async def _token(self, request: Request) -> Response:
        body = await request.json()
        self.exchanges.append(body)
        if self.token is not None:
            return self.token()
        asked = self.consents[-1]
        expected = {
            "grant_type": "authorization_code",
            "code": CODE,
            "redirect_uri": asked["redirect_uri"],
            "client_id": asked["client_id"],
            "code_verifier": body["code_verifier"],
        } | ({"company_id": asked["company_id"]} if "company_id" in asked else {})
        challenge = base64.urlsafe_b64encode(hashlib.sha256(body["code_verifier"].encode()).digest()).rstrip(b"=")
        if body != expected or challenge.decode() != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self.tokens())

    def tokens(self) -> Json:
        """Return new tokens, as the answer of `token`."""
        tokens: Json = {
            "access_token": ACCESS_TOKEN,
            "refresh_token": REFRESH_TOKEN,
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        if self.scope is not None:
            tokens["scope"] = self.scope
        if self.claims is not None:
            tokens["id_token"] = id_token({"nonce": self.consents[-1]["nonce"]} | self.claims)
        return tokens

    async def _userinfo(self, request: Request) -> Response:
        if request.headers["authorization"] != f"Bearer {ACCESS_TOKEN}":
            return JSONResponse({"error": "invalid_token"}, 401)
        return self.userinfo()

    async def _revoke(self, request: Request) -> Response:
        self.revoked.append(await request.json())
        return self.revocation()


def id_token(claims: Json) -> str:
    """Return a JWT with a signature that nothing checks."""
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "signature"])


@contextmanager
def running_oauth() -> Iterator[FakeOAuth]:
    """Run Whop's OAuth for the ``with`` block."""
    oauth = FakeOAuth()
    with running(oauth.app()) as oauth.origin:
        yield oauth


class Browser:
    """A browser in a thread, whose user consents at once.

    Attributes:
        origin: the server that it visits in place of the one in the URL, if any.
        opened: the URLs that were opened.
        pages: the pages at the end of each.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.opened: list[str] = []
        self.pages: list[httpx.Response] = []
        self._threads: list[threading.Thread] = []

    def open(self, url: str) -> bool:
        self.opened.append(url)
        thread = threading.Thread(target=self._visit, args=(url,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return True

    def close(self) -> None:
        """Wait until all pages are shown."""
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a page did not end"

    def _visit(self, url: str) -> None:
        parts = urlsplit(url)
        with plain_client(follow_redirects=True) as http:
            self.pages.append(http.get(f"{self.origin}{parts.path}?{parts.query}" if self.origin else url))
