"""Credentials: from the environment, or from an endpoint, in time before they end."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aichats.aws.credentials import RENEW_AGAIN_SECONDS, RENEW_SECONDS, CredentialSource, has_credentials
from aichats.aws.errors import NoResponseError
from tests.support.fakes import FakeClock

URL = "http://169.254.170.2/credentials"
ENDPOINT = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let-me-in"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s"}


class FakeEndpoint:
    """An endpoint that returns new credentials, valid for an hour, or what a test wants."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.requests: list[Mapping[str, str]] = []
        self.content: bytes | None = None
        self.is_down = False

    def fetch(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        assert url == URL
        self.requests.append(headers)
        if self.is_down:
            raise NoResponseError("connection refused")
        ends_at = datetime.fromtimestamp(self.clock() + 3600, UTC).isoformat().replace("+00:00", "Z")
        found = {
            "AccessKeyId": f"ASIA{len(self.requests)}",
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": ends_at,
        }
        return 200, json.dumps(found).encode() if self.content is None else self.content


@pytest.fixture
def endpoint() -> FakeEndpoint:
    return FakeEndpoint(FakeClock())


def source(endpoint: FakeEndpoint, environment: Mapping[str, str] = ENDPOINT) -> CredentialSource:
    return CredentialSource(environment, endpoint.fetch, endpoint.clock)


def test_credentials_in_the_environment_come_first(endpoint: FakeEndpoint) -> None:
    found = source(endpoint, ENDPOINT | KEYS | {"AWS_SESSION_TOKEN": "t"}).current()

    assert (found.key_id, found.secret, found.token) == ("AKIA1", "s", "t")
    assert endpoint.requests == []


@pytest.mark.parametrize("token", [{}, {"AWS_SESSION_TOKEN": ""}])
def test_long_term_keys_have_no_session_token(token: dict[str, str], endpoint: FakeEndpoint) -> None:
    assert not source(endpoint, KEYS | token).current().token


def test_an_environment_without_credentials_is_an_error_that_says_what_to_set(endpoint: FakeEndpoint) -> None:
    assert not has_credentials({"AWS_ACCESS_KEY_ID": ""})
    with pytest.raises(NoResponseError, match="set AWS_ACCESS_KEY_ID"):
        source(endpoint, {}).current()


def test_the_endpoint_is_asked_once_with_its_token(endpoint: FakeEndpoint) -> None:
    credentials = source(endpoint)

    assert {credentials.current().key_id for _ in range(3)} == {"ASIA1"}
    assert endpoint.requests == [{"accept": "application/json", "authorization": "let-me-in"}]


def test_the_token_of_a_file_is_read_for_each_request(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    file = tmp_path / "token"
    credentials = source(endpoint, ENDPOINT | {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file)})
    for token in ("first", "second"):
        file.write_text(token)
        credentials.current()
        endpoint.clock.now += 3600

    assert [headers["authorization"] for headers in endpoint.requests] == ["first", "second"]


def test_credentials_are_renewed_ten_minutes_before_they_end(endpoint: FakeEndpoint) -> None:
    credentials = source(endpoint)
    credentials.current()
    endpoint.clock.now += 3600 - RENEW_SECONDS - 1
    assert credentials.current().key_id == "ASIA1"
    endpoint.clock.now += 1
    assert credentials.current().key_id == "ASIA2"


def test_credentials_that_cannot_be_renewed_are_used_until_they_end(endpoint: FakeEndpoint) -> None:
    credentials = source(endpoint)
    credentials.current()
    endpoint.clock.now += 3600 - RENEW_SECONDS
    endpoint.is_down = True
    assert [credentials.current().key_id for _ in range(3)] == ["ASIA1"] * 3
    assert len(endpoint.requests) == 2
    endpoint.clock.now += RENEW_AGAIN_SECONDS
    assert credentials.current().key_id == "ASIA1"
    assert len(endpoint.requests) == 3
    endpoint.clock.now += RENEW_SECONDS
    with pytest.raises(NoResponseError, match="connection refused"):
        credentials.current()
    endpoint.is_down = False
    assert credentials.current().key_id == "ASIA5"


@pytest.mark.parametrize("content", [b"", b"[]", b"<html>", b'{"AccessKeyId": "a"}', b'{"Code": "Error"}'])
def test_an_answer_without_credentials_is_an_error(content: bytes, endpoint: FakeEndpoint) -> None:
    endpoint.content = content
    with pytest.raises(NoResponseError, match=r"returned no credentials \(status 200\)"):
        source(endpoint).current()


def test_rejected_credentials_of_the_endpoint_are_read_again(endpoint: FakeEndpoint) -> None:
    credentials = source(endpoint)
    first = credentials.current()

    assert credentials.expire(first)
    assert credentials.current().key_id == "ASIA2"
    assert credentials.expire(first)  # Another thread has renewed them since.
    assert credentials.current().key_id == "ASIA2"


def test_rejected_credentials_of_the_environment_stay(endpoint: FakeEndpoint) -> None:
    credentials = source(endpoint, KEYS)

    assert not credentials.expire(credentials.current())
