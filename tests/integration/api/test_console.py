"""The console as the HTTP API serves it: one page at all its paths, and a script that browsers keep."""

import gzip
import hashlib
import re
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from aichats.api.app import create_api
from local.build_console import BUILT
from local.cloud.http_event import Reply, reply_of
from local.setup import ROOT
from tests.support.commands import run_command
from tests.support.fakes import ScriptedTransport
from tests.support.lambda_calls import LOCAL, http_event, make_application, make_context

MAX_WIRE_BYTES = 90_000
"""The maximum size of everything that a browser loads, compressed."""
URL = re.compile(r"""https?://(?!www\.w3\.org/|[a-z.]*example(?:\.com)?\b)[a-z0-9][^\s"'`)<>$]*""")
"""A URL that is neither the name of a namespace, such as that of SVG, nor an example."""
LINKS = {"https://www.standardwebhooks.com"}
"""The pages of others to which the console links. A browser loads them only if a person follows the link."""
IDENTITY, GZIP, BROTLI = "identity", "gzip, deflate", "gzip, deflate, br, zstd"


class Browser:
    """A client that gets the answers as API Gateway passes them on."""

    def __init__(self) -> None:
        self._api = create_api(make_application(ScriptedTransport()))

    def __call__(
        self, path: str, *, method: str = "GET", token: str | None = None, encoding: str = IDENTITY, **headers: str
    ) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"accept-encoding": encoding}
        event = http_event(method, path, token=f"Bearer {token}" if token else None, headers=sent)
        return reply_of(self._api.resolve(event, make_context()))

    @property
    def script(self) -> str:
        """The path of the script that the page names."""
        [path] = re.findall(r'<script type="module" src="([^"]+)"></script>', self("/console").body.decode())
        return str(path)


@pytest.fixture
def browser() -> Browser:
    """A browser."""
    return Browser()


def headers_of(reply: Reply) -> Mapping[str, str]:
    """Return the headers of a reply, each of which is there once."""
    names = [name for name, _ in reply.headers]
    assert len(names) == len(set(names))
    return dict(reply.headers)


def policy_of(reply: Reply) -> Mapping[str, str]:
    """Return the directives of a reply's Content-Security-Policy."""
    parts = (part.strip().partition(" ") for part in headers_of(reply)["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/runs/x", "/console/automations/a/edit"])
@pytest.mark.parametrize("token", [None, LOCAL, "unknown"])
def test_the_page_is_at_each_of_its_paths_and_needs_no_token(browser: Browser, path: str, token: str | None) -> None:
    reply = browser(path, token=token)

    assert (reply.status, headers_of(reply)["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.body == browser("/console").body
    assert reply.body.startswith(b"<!doctype html>")


def test_only_paths_of_the_console_are_pages(browser: Browser) -> None:
    assert browser("/consoles").status == 401
    assert browser("/consoles", token=LOCAL).status == 404


def test_the_page_may_run_only_its_own_scripts_and_may_not_be_framed(browser: Browser) -> None:
    reply = browser("/console/runs/x")

    policy, headers = policy_of(reply), headers_of(reply)
    assert "unsafe" not in headers["content-security-policy"]
    assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
    [first_script] = re.findall(r"<script>(.*?)</script>", reply.body.decode(), re.DOTALL)
    digest = b64encode(hashlib.sha256(first_script.encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'",) * 3
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert policy["style-src"].startswith("'sha256-")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_no_element_of_the_page_has_a_script_or_a_style_of_its_own(browser: Browser) -> None:
    page = browser("/console").body.decode()

    assert re.findall(r"<[a-z]+ [^>]*\b(style|on[a-z]+)=", page) == []


@pytest.mark.parametrize(("encoding", "used"), [(IDENTITY, None), (GZIP, "gzip"), (BROTLI, "br")])
def test_page_and_script_are_compressed_as_well_as_a_browser_understands(
    browser: Browser, encoding: str, used: str | None
) -> None:
    for path, name in (("/console", "index.html"), (browser.script, "console.js")):
        reply, plain = browser(path, encoding=encoding), browser(path).body

        assert headers_of(reply)["vary"] == "Accept-Encoding"
        assert headers_of(reply).get("content-encoding") == used
        assert plain == (BUILT / name).read_bytes()
        if used == "br":
            assert reply.body == (BUILT / f"{name}.br").read_bytes()
        else:
            assert (gzip.decompress(reply.body) if used else reply.body) == plain


def test_browsers_keep_the_script_and_ask_for_the_page_each_time(browser: Browser) -> None:
    script = browser(browser.script)

    assert (script.status, headers_of(script)["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert headers_of(script)["cache-control"] == "public, max-age=31536000, immutable"
    assert headers_of(browser("/console"))["cache-control"] == "no-cache"
    # Another script has another name.
    assert re.fullmatch(r"/console/assets/console\.[0-9a-f]{16}\.js", browser.script)


@pytest.mark.parametrize("encoding", [IDENTITY, GZIP, BROTLI])
def test_a_browser_that_has_the_current_page_gets_no_body(browser: Browser, encoding: str) -> None:
    etag = headers_of(browser("/console", encoding=encoding))["etag"]

    known = browser("/console/usage", encoding=encoding, if_none_match=etag)
    assert (known.status, known.body, headers_of(known)["etag"]) == (304, b"", etag)
    assert policy_of(known)["frame-ancestors"] == "'none'"
    assert browser("/console", if_none_match='W/"another"').status == 200


@pytest.mark.parametrize("name", ["console.0123456789abcdef.js", "console.js", "index.html", "", "../app.py", "x/y"])
def test_a_file_that_the_console_does_not_have_is_not_found(browser: Browser, name: str) -> None:
    reply = browser(f"/console/assets/{name}")

    assert (reply.status, headers_of(reply)["content-type"]) == (404, "text/plain; charset=utf-8")
    assert headers_of(reply)["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_console_can_only_be_read(browser: Browser, method: str) -> None:
    reply = browser("/console/runs", method=method)

    assert (reply.status, headers_of(reply)["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/console", "/console/runs"])
def test_head_has_the_headers_of_get_and_no_body(browser: Browser, path: str) -> None:
    got, asked = browser(path), browser(path, method="HEAD")

    assert (asked.status, asked.body) == (200, b"")
    assert headers_of(asked) == headers_of(got)


def test_everything_that_a_browser_loads_is_small(browser: Browser) -> None:
    sizes = {path: len(browser(path, encoding=BROTLI).body) for path in ("/console", browser.script)}

    assert sum(sizes.values()) <= MAX_WIRE_BYTES, sizes


def test_the_console_loads_nothing_from_another_host(browser: Browser) -> None:
    for path in ("/console", browser.script):
        assert set(URL.findall(browser(path).body.decode())) <= LINKS


def test_the_console_says_which_libraries_it_contains(browser: Browser) -> None:
    text = browser("/console/assets/licenses.txt").body.decode()

    assert "preact" in text
    assert "MIT" in text


def test_a_cold_start_imports_nothing_of_the_console() -> None:
    # The handler's module does what a cold start does.
    code = "import sys; sys.path.insert(0, sys.argv[1]); import app; print(*sys.modules)"
    done = run_command(sys.executable, "-c", code, ROOT / "functions" / "http_api", check=True)

    imported = done.stdout.split()
    assert "aichats.api.app" in imported
    assert {"aichats.api.console", "aichats.api.content_policy"} & set(imported) == set()


def test_the_files_are_read_at_the_first_request_only(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    first = browser("/console")
    monkeypatch.delattr(Path, "open")

    assert browser("/console").body == first.body
