"""An app that uses OAuth at the mock of Whop."""

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import httpx

from local.plain_http import plain_client
from tests.support.mock_servers import Json

AUTHORIZE, TOKEN, USERINFO, REVOKE = (f"/oauth/{name}" for name in ("authorize", "token", "userinfo", "revoke"))
CLIENT_ID = "app_local"
REDIRECT_URI = "http://localhost:8913/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
HOUR = 3600


class OAuthApp:
    """An app: its requests to the authorization server. Keyword arguments replace parameters; None leaves one out.

    ``request`` sends a request to the mock server, as httpx.Client.request does.
    """

    def __init__(self, request: Callable[..., httpx.Response]) -> None:
        self._request = request

    def authorize(self, **changes: str | None) -> httpx.Response:
        """Open the page that asks for consent."""
        return self._request("GET", AUTHORIZE, params=authorization(**changes))

    def decide(self, decision: str, **changes: str | None) -> httpx.Response:
        """Press a button on that page."""
        return self._request("POST", AUTHORIZE, data={**authorization(**changes), "decision": decision})

    def code(self, **changes: str | None) -> str:
        """Return the code that the app gets once the user allows the request."""
        return redirected(self.decide("allow", **changes))["code"]

    def exchange(self, code: str, **changes: object) -> httpx.Response:
        """Exchange a code for tokens."""
        body = {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        }
        return self._post(TOKEN, body | changes)

    def refresh(self, refresh_token: str, **changes: object) -> httpx.Response:
        """Exchange a refresh token for tokens."""
        body = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": refresh_token}
        return self._post(TOKEN, body | changes)

    def revoke(self, token: str, **changes: object) -> httpx.Response:
        """Revoke the family of a refresh token."""
        return self._post(REVOKE, {"client_id": CLIENT_ID, "token": token} | changes)

    def userinfo(self, access_token: str) -> httpx.Response:
        """Ask who the user is."""
        return self._request("GET", USERINFO, headers={"Authorization": f"Bearer {access_token}"})

    def log_in(self, **changes: str | None) -> Json:
        """Return the first tokens of a new grant."""
        reply = self.exchange(self.code(**changes))
        assert reply.status_code == 200, reply.text
        tokens: Json = reply.json()
        return tokens

    def _post(self, path: str, body: Json) -> httpx.Response:
        return self._request("POST", path, json={name: value for name, value in body.items() if value is not None})


def allow(url: str) -> None:
    """Press the button on the page at this URL that allows access, and wait for the result of the login."""
    page = urlsplit(url)
    form = {**dict(parse_qsl(page.query)), "decision": "allow"}
    with plain_client(follow_redirects=True) as http:
        http.post(f"{page.scheme}://{page.netloc}{page.path}", data=form).raise_for_status()


def authorization(**changes: str | None) -> dict[str, str]:
    """Return the parameters of an authorization."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "openid profile ai_chat:create ai_chat:update ai_chat:delete",
        "state": "a-state",
        "nonce": "a-nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**parameters, **changes}.items() if value is not None}


def redirected(reply: httpx.Response) -> dict[str, str]:
    """Return the query with which the user comes back to the app."""
    assert reply.status_code == 303, reply.text
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query))


def error_of(reply: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of an error of OAuth, which has a description."""
    assert reply.json().keys() == {"error", "error_description"}, reply.text
    return reply.status_code, reply.json()["error"]
