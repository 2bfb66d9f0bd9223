"""From a stack on which API keys may create no chats to a chat: a person allows access in a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from local.dev import CLIENT_ID
from local.oauth_login.client import WANTED
from local.oauth_login.pages import CONNECTED, DENIED
from local.plain_http import plain_client
from local.ports import free_port
from local.system import BEARER, STACK
from tests.support.browser import Chromium, unpacked_chromium
from tests.support.commands import Program, running_module
from tests.support.dev import emulator_of, running_dev, whop_of
from tests.support.mock_servers import Json
from tests.support.running_automations import company
from tests.support.waiting import PATIENCE, until

SOON = timedelta(seconds=10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """A browser."""
    with unpacked_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def dev() -> Iterator[Program]:
    """A running `make dev` whose mock of Whop lets API keys create nothing."""
    with running_dev("--keys", "forbidden") as running:
        yield running


class Login:
    """A running `make login`."""

    def __init__(self, program: Program) -> None:
        self._program = program
        program.wait_for("Waiting up to")
        [self.url] = re.findall(r"^  (http://\S+)$", program.printed, re.MULTILINE)

    def ended(self) -> tuple[int, str]:
        """Wait for its end. Return its exit code and its output."""
        return self._program.process.wait(PATIENCE), self._program.printed


@contextmanager
def running_login(dev: Program, monkeypatch: pytest.MonkeyPatch, *options: str) -> Iterator[Login]:
    """Run `make login` for the ``with`` block, as a user who has not allowed access yet. It opens no browser."""
    whop_of(dev).reset()
    for name, value in (emulator_of(dev).environment() | {"BROWSER": ""}).items():
        monkeypatch.setenv(name, value)
    own = ["--stack", STACK, "--client-id", CLIENT_ID, "--port", str(free_port())]
    with running_module("local.login", *own, *options) as program:
        yield Login(program)


def test_a_person_allows_access_and_the_next_schedule_creates_a_muted_chat(
    chromium: Chromium, dev: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_login(dev, monkeypatch) as login:
        consent, result = chromium.visit(login.url, "click button[value=allow]")
        code, printed = login.ended()

    assert f"Allow {CLIENT_ID} to use your Whop account?" in consent.heading
    assert "Local User (@local_user)" in consent.text
    assert [scope for scope in WANTED if scope not in consent.text] == []
    assert result.heading == CONNECTED.title
    assert result.origin.startswith("http://localhost:")
    assert code == 0, printed
    assert "account    Local User (user_" in printed
    target = company()
    put_one_off(dev, target)
    [chat] = until(lambda: [chat for chat in whop_of(dev).state()["chats"] if chat["company_id"] == target])
    until(lambda: preference_of(dev, chat["id"]) == "none")


def test_a_person_denies_access_with_the_keyboard_and_nothing_is_stored(
    chromium: Chromium, dev: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_login(dev, monkeypatch, "--connection", "denied") as login:
        _, first, second, result = chromium.visit(login.url, "Tab", "Tab", "Enter")
        code, printed = login.ended()

    assert (first.focus, second.focus) == ("Allow", "Deny")
    assert result.heading == DENIED.title
    assert code == 1
    assert "login: you did not allow access at Whop. To allow it, type the command again. Nothing was stored" in printed
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        emulator_of(dev).clients.secrets.describe_secret(SecretId="aichats/dev/whop/denied")


def put_one_off(dev: Program, target: str) -> None:
    """Put an automation that soon creates a muted chat."""
    with plain_client(base_url=dev.value("HTTP API"), timeout=PATIENCE) as api:
        api.get("/health").raise_for_status()  # Else the start of the function would come off those seconds.
        slot = datetime.now(UTC) + SOON
        action: Json = {"type": "whop.create_chat", "message_text": "Hello", "notification_preference": "none"}
        trigger = {"type": "schedule", "expression": f"at({slot:%Y-%m-%dT%H:%M:%S})"}
        body = {"trigger": trigger, "action": action, "targets": [target]}
        headers = {"Authorization": f"Bearer {BEARER}"}
        api.put("/automations/once", json=body, headers=headers).raise_for_status()


def preference_of(dev: Program, chat_id: str) -> str:
    """Return the notification preference of a chat."""
    [preference] = [chat["notification_preference"] for chat in whop_of(dev).state()["chats"] if chat["id"] == chat_id]
    return str(preference)
