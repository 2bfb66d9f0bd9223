"""Headers that keep browsers safe, on every answer, and the policy of the page that shows the document."""

import base64
import hashlib
from html.parser import HTMLParser

import pytest

from tests.support.fakes import ScriptedTransport, page
from tests.support.lambda_calls import LOCAL, HttpCaller, call_api

CALLS = [
    ("GET", "/chats", LOCAL, 200),
    ("GET", "/health", None, 200),
    ("GET", "/openapi.json", None, 200),
    ("GET", "/docs", None, 200),
    ("GET", "/", None, 200),
    ("GET", "/chats", None, 401),
    ("GET", "/nowhere", LOCAL, 404),
    ("PUT", "/chats", LOCAL, 405),
    ("POST", "/chats", LOCAL, 422),
]


@pytest.fixture
def api() -> HttpCaller:
    return call_api(ScriptedTransport(page()))


class _Inline(HTMLParser):
    """The inline scripts and styles of a page, and its other attributes that a policy must allow."""

    def __init__(self) -> None:
        super().__init__()
        self.within = ""
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag if tag in self.inline else ""
        if self.within:
            self.inline[tag].append("")
        self.attributes += [name for name, _ in attrs if name in {"src", "href", "style"} or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self.within = "" if tag == self.within else self.within

    def handle_data(self, data: str) -> None:
        if self.within:
            self.inline[self.within][-1] += data


def directives(policy: str) -> dict[str, list[str]]:
    parts = (part.split() for part in policy.split(";"))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize(("method", "path", "token", "status"), CALLS)
def test_every_answer_has_the_security_headers_for_browsers(
    api: HttpCaller, method: str, path: str, token: str | None, status: int
) -> None:
    answer = api(method, path, token=token and f"Bearer {token}")

    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    policy = directives(answer.headers["content-security-policy"])
    assert (policy["default-src"], policy["frame-ancestors"]) == (["'none'"], ["'none'"])


def test_the_page_of_the_document_may_run_its_own_scripts_and_nothing_else(api: HttpCaller) -> None:
    answer = api("GET", "/docs", token=None)
    inline, policy = _Inline(), directives(answer.headers["content-security-policy"])
    inline.feed(answer.body)

    assert inline.attributes == []
    for element in ("script", "style"):
        assert policy[f"{element}-src"] == [sha256(content) for content in inline.inline[element]]
        assert all(len(content) > 100 for content in inline.inline[element])
    assert policy["connect-src"] == ["'self'"]
    assert policy["img-src"] == ["'self'", "data:"]
    assert "unsafe" not in answer.headers["content-security-policy"]


def sha256(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
