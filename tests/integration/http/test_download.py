"""Downloads of files whose URLs come from outside, from a real server with TLS."""

import io
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

import pytest

from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.http import bodies, download
from aichats.http.deadline import time_limit
from aichats.http.download import MAX_REDIRECTS
from benchmarks.raw_server import Connection
from tests.support.small_internet import HOST, PUBLIC, Answer, SmallInternet, response, small_internet

PDF = b"%PDF-1.7 the report"
SIGNED = f"https://{HOST}/report.pdf?signature=canary-of-a-signature"
PRIVATE = "10.0.0.7"

type Serve = Callable[[dict[str, Answer]], SmallInternet]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    running: list[AbstractContextManager[SmallInternet]] = []

    def start(answers: dict[str, Answer]) -> SmallInternet:
        running.append(small_internet(answers, tmp_path, monkeypatch))
        return running[-1].__enter__()

    yield start
    for each in reversed(running):
        each.__exit__(None, None, None)


def fetch(internet: SmallInternet, url: str = SIGNED) -> tuple[bytes, str | None]:
    """Return the content of a URL, and its type."""
    with io.BytesIO() as file:
        content_type = download.download(url, file, internet.resolve)
        return file.getvalue(), content_type


def refusal(internet: SmallInternet, url: str = SIGNED) -> str:
    """Return the message of a final error, which shows no signature and no password."""
    with pytest.raises(AttachmentError) as raised:
        fetch(internet, url)
    assert not isinstance(raised.value, AttachmentUnavailableError)
    assert "canary" not in str(raised.value)
    return str(raised.value)


def failure(internet: SmallInternet, url: str = SIGNED) -> AttachmentUnavailableError:
    """Return the error of a download that may succeed later."""
    with pytest.raises(AttachmentUnavailableError) as raised:
        fetch(internet, url)
    assert "canary" not in str(raised.value)
    return raised.value


def redirect_to(url: str, status: int = 302) -> bytes:
    return response(status, location=quote(url, safe=":/?=@[]"))


# ---- files


def test_a_file_is_downloaded_from_the_address_that_was_checked(serve: Serve) -> None:
    internet = serve({"/report.pdf": response(200, PDF, content_type="application/pdf")})

    assert fetch(internet) == (PDF, "application/pdf")
    assert (internet.looked_up, internet.connected) == ([HOST], [(PUBLIC, 443)])
    assert internet.public.requests == ["GET /report.pdf?signature=canary-of-a-signature HTTP/1.1"]
    assert f"host: {HOST}" in internet.public.heads[0]


def test_another_port_is_possible(serve: Serve) -> None:
    internet = serve({"/": response(200, PDF)})
    assert fetch(internet, f"https://{HOST}:8443/") == (PDF, None)
    assert internet.connected == [(PUBLIC, 8443)]


def test_chunks_make_a_file(serve: Serve) -> None:
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n%PDF\r\n2\r\n-1\r\n0\r\n\r\n"
    assert fetch(serve({"/report.pdf": chunks}))[0] == b"%PDF-1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_without_cookies_credentials_and_referrers(serve: Serve, status: int) -> None:
    first = response(status, location="/there?signature=canary", set_cookie="a=b; Path=/")
    internet = serve({"/report.pdf": first, "/there": response(200, PDF)})

    assert fetch(internet)[0] == PDF
    assert [line.split()[1] for line in internet.public.requests][1:] == ["/there?signature=canary"]
    sent = [line.partition(":")[0] for line in internet.public.heads[1].split("\r\n")[1:]]
    assert sorted(sent) == ["accept", "accept-encoding", "connection", "host", "user-agent"]


def test_proxies_of_the_environment_are_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://10.0.0.9:3128")
    internet = serve({"/report.pdf": response(200, PDF)})
    assert fetch(internet)[0] == PDF
    assert internet.connected == [(PUBLIC, 443)]


def test_three_redirects_are_followed_and_no_more(serve: Serve) -> None:
    steps: dict[str, Answer] = {f"/{step}": redirect_to(f"/{step + 1}") for step in range(MAX_REDIRECTS + 1)}
    internet = serve(steps | {f"/{MAX_REDIRECTS + 1}": response(200, PDF)})

    assert fetch(internet, f"https://{HOST}/1")[0] == PDF
    assert f"more than {MAX_REDIRECTS} redirects" in refusal(internet, f"https://{HOST}/0")


def test_a_redirect_without_a_location_ends(serve: Serve) -> None:
    assert "redirects" in refusal(serve({"/report.pdf": response(302)}))


# ---- everything that is not public

DIRECT = {
    "loopback": "https://127.0.0.1/",
    "metadata": "https://169.254.169.254/latest/meta-data/iam/",
    "the runtime API": "https://169.254.100.1:9001/2018-06-01/runtime/invocation/next",
    "private": f"https://{PRIVATE}/",
    "shared": "https://100.64.0.1/",
    "unspecified": "https://0.0.0.0/",
    "decimal": "https://2130706433/",
    "hexadecimal": "https://0x7f000001/",
    "hexadecimal parts": "https://0x7f.0x0.0x0.0x1/",
    "octal": "https://0177.0.0.1/",
    "short": "https://127.1/",
    "decimal metadata": "https://2852039166/",
    "full-width digits": "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "ideographic full stops": "https://127。0。0。1/",
    "IPv6 loopback": "https://[::1]/",
    "IPv6 long": "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/",
    "IPv4-mapped in hexadecimal": "https://[::ffff:a9fe:a9fe]/",
    "IPv4-compatible": "https://[::127.0.0.1]/",
    "6to4": "https://[2002:7f00:1::]/",
    "NAT64": "https://[64:ff9b::a9fe:a9fe]/",
    "unique local": "https://[fd00:ec2::254]/",
    "link-local": "https://[fe80::1]/",
    "localhost": "https://localhost/",
    "localhost in capitals": "HTTPS://LOCALHOST/",
    "localhost with a dot": "https://localhost./",
    "a name": "https://internal.example/",
    "a name with a dot": "https://Internal.Example./",
    "one of several addresses": "https://mixed.example/",
    "the last of several addresses": "https://mixed-last.example/",
}
NAMES = {
    "localhost": [["127.0.0.1"]],
    "internal.example": [[PRIVATE]],
    "mixed.example": [[PRIVATE, PUBLIC]],
    "mixed-last.example": [[PUBLIC, "::ffff:127.0.0.1"]],
}


@pytest.mark.parametrize("url", DIRECT.values(), ids=DIRECT)
def test_an_address_that_is_not_public_is_refused_directly_and_after_a_redirect(serve: Serve, url: str) -> None:
    internet = serve({"/report.pdf": redirect_to(url), "/": response(200, PDF)})
    internet.names |= NAMES

    assert re.search("not public|invalid", refusal(internet, url))
    assert internet.connected == []
    assert re.search("not public|invalid", refusal(internet))
    assert internet.connected == [(PUBLIC, 443)]
    assert internet.private.connections == 0


OTHER_URLS = {
    "http": f"http://{HOST}/",
    "http in capitals": f"HTTP://{HOST}/",
    "file": "file:///etc/passwd",
    "ftp": f"ftp://{HOST}/",
    "data": "data:text/plain,canary",
    "gopher": f"gopher://{HOST}/",
    "user and password": f"https://user:canary@{HOST}/",
    "user": f"https://canary@{HOST}/",
    "another host as the user": f"https://{HOST}@127.0.0.1/",
}


@pytest.mark.parametrize("url", OTHER_URLS.values(), ids=OTHER_URLS)
def test_only_https_without_a_user_is_allowed_directly_and_after_a_redirect(serve: Serve, url: str) -> None:
    internet = serve({"/report.pdf": redirect_to(url)})

    assert refusal(internet, url)
    assert (internet.looked_up, internet.connected) == ([], [])
    assert refusal(internet)
    assert (internet.public.connections, internet.private.connections) == (1, 0)


INVALID = [
    "",
    "https://",
    "https:///etc/passwd",
    "https://[::1",
    "https://a b/",
    "https://a\x00b/",
    "https://a..b/",
    f"https://{HOST}:99999/",
    f"https://{HOST}:0/",
    "https://xn--/",
    "https://xn--a.example/",
    "//xn--a/",
]


@pytest.mark.parametrize("url", INVALID)
def test_an_invalid_url_is_refused(serve: Serve, url: str) -> None:
    internet = serve({})
    assert refusal(internet, url)
    assert internet.connected == []


def test_a_name_that_changes_its_address_after_the_check_reaches_nothing(serve: Serve) -> None:
    internet = serve({"/report.pdf": response(200, PDF), "/first": redirect_to(SIGNED)})
    internet.names[HOST] = [[PUBLIC], [PRIVATE]]
    assert fetch(internet)[0] == PDF
    assert (internet.looked_up, internet.connected) == ([HOST], [(PUBLIC, 443)])

    internet.names[HOST] = [[PUBLIC], [PRIVATE]]
    assert f"{HOST} is not allowed" in refusal(internet, f"https://{HOST}/first")
    assert internet.private.connections == 0


def test_the_certificate_must_be_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Answer] = {"/report.pdf": response(200, PDF)}
    with small_internet(answers, tmp_path, monkeypatch, certified_host="other.example") as internet:
        assert "certificate" in str(failure(internet))
        assert internet.public.requests == []


@pytest.mark.parametrize(
    "location", ["https://xn--a.example/", "https:////[::1/", "https:////v1.[[::1]", "a" * 9000 + ":b"]
)
def test_a_redirect_to_rubbish_is_refused_in_few_words(serve: Serve, location: str) -> None:
    internet = serve({"/report.pdf": response(302, location=location)})
    assert len(refusal(internet)) < 400
    assert internet.connected == [(PUBLIC, 443)]


# ---- files that can't be had


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204, 206, 300, 304])
def test_an_answer_without_the_file_is_final(serve: Serve, status: int) -> None:
    assert f"https://{HOST}/report.pdf answered {status}" in refusal(serve({"/report.pdf": response(status)}))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_server_that_is_busy_or_fails_may_answer_later(serve: Serve, status: int) -> None:
    error = failure(serve({"/report.pdf": response(status, retry_after="7")}))
    assert (str(error), error.retry_after) == (f"https://{HOST}/report.pdf answered {status}", 7.0)


def test_a_server_that_can_not_be_reached_may_come_back(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    internet = serve({})
    internet.names[HOST] = [[]]
    assert f"{HOST} has no address" in str(failure(internet))

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        message = str(failure(internet, "https://unknown.invalid/"))
        assert message == "the connection to https://unknown.invalid/ failed: Name or service not known"


def hang_up_in_the_middle(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    connection.socket.close()


def wait_in_the_middle(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    connection.wait()


def test_a_file_that_breaks_off_may_come_whole_later(serve: Serve) -> None:
    assert "connection to" in str(failure(serve({"/report.pdf": hang_up_in_the_middle})))


def test_a_server_that_drips_is_too_slow_for_both_limits(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    internet = serve({"/report.pdf": wait_in_the_middle})
    with time_limit(0.3):
        assert "in time" in str(failure(internet))
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", 0.3)
    assert "in time" in str(failure(internet))


def test_a_file_is_too_large_by_its_own_bytes_whatever_its_server_announces(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_ATTACHMENT_BYTES", len(PDF))
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n13\r\n" + PDF + b"\r\n1\r\n.\r\n"
    internet = serve({"/fits": response(200, PDF), "/large": response(200, PDF + b"."), "/chunks": chunks})

    assert fetch(internet, f"https://{HOST}/fits")[0] == PDF
    assert f"https://{HOST}/large is larger than" in refusal(internet, f"https://{HOST}/large")
    assert "is larger than" in refusal(internet, f"https://{HOST}/chunks")


def test_compressed_content_is_refused_because_it_may_be_a_bomb(serve: Serve) -> None:
    internet = serve({"/report.pdf": response(200, b"\x1f\x8b", content_encoding="gzip")})
    assert "compressed" in refusal(internet)
    assert "accept-encoding: identity" in internet.public.heads[0]
