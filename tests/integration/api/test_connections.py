"""``GET /connections``: whose connections are in use, which state they have, and never a token."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.whop.connections import fingerprint
from aichats.whop.renewal import RENEW_BEFORE_END
from tests.support.fakes import FakeClock, FakeSecretsManager, Json, ScriptedTransport, SecretValue, aws_error
from tests.support.lambda_calls import SECRETS, WHOP_SECRET, HttpCaller, make_application

AGENCY, DEFAULT = f"{WHOP_SECRET}/agency", f"{WHOP_SECRET}/default"
NOW = datetime.now(UTC).replace(microsecond=0)
ACCOUNT = {"id": "user_1", "name": "Jane Doe", "username": "jane"}
WITH_AGENCY: Json = {
    "api_key": "key-of-all",
    "companies": {
        "biz_B": {"connection": "agency"},
        "biz_A": {"connection": "agency"},
        "biz_D": "key-of-d",
        "biz_C": "key-of-c",
    },
}


def connected(minutes: float = 60, **grant: Any) -> Json:
    """Return the secret of a connection whose access token ends in some minutes."""
    end = int((NOW + timedelta(minutes=minutes)).timestamp())
    tokens = {"access_token": "canary-access", "refresh_token": "canary-refresh", "expires_at": end}
    return {"oauth": {"client_id": "app_1", **tokens, **grant}, "account": ACCOUNT}


class Stack:
    """A stack with secrets of Whop."""

    def __init__(self, secrets: Mapping[str, SecretValue]) -> None:
        self.manager = FakeSecretsManager({**SECRETS, **secrets})
        self.app: Application = make_application(ScriptedTransport(), self.manager)
        self.api = HttpCaller(create_api(self.app).resolve)

    def row(self, name: str, **fields: object) -> None:
        """Store the row of a connection, as its renewal does."""
        self.app.ledger.items.overwrite([{"run_id": f"connection:{name}", **fields}])

    @property
    def answer(self) -> Json:
        answer = self.api("GET", "/connections")
        assert answer.status == 200, answer.body
        assert "canary" not in answer.body
        assert "key-of" not in answer.body
        assert fingerprint("canary-refresh") not in answer.body
        shown: Json = answer.json
        return shown

    @property
    def agency(self) -> Json:
        by_name: dict[str, Json] = {each["name"]: each for each in self.answer["data"]}
        return by_name["agency"]


@pytest.fixture
def stack() -> Stack:
    return Stack({WHOP_SECRET: WITH_AGENCY, AGENCY: connected()})


def text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def test_a_connection_says_whose_it_is_which_companies_use_it_and_when_it_renews(stack: Stack) -> None:
    renewed = NOW - timedelta(minutes=5)
    stack.row("agency", renewed_at=int(renewed.timestamp()), used="x")

    assert stack.agency == {
        "name": "agency",
        "state": "connected",
        "is_default": False,
        "companies": ["biz_A", "biz_B"],
        "account": ACCOUNT,
        "client_id": "app_1",
        "company_id": None,
        "expires_at": text(NOW + timedelta(hours=1)),
        "renews_at": text(NOW + timedelta(hours=1) - RENEW_BEFORE_END),
        "renewed_at": text(renewed),
        "broken_at": None,
        "reason": None,
    }


def test_default_comes_first_and_the_others_by_name() -> None:
    companies = {f"biz_{name}": {"connection": name} for name in ("zoo", "agency", "Shop")}

    shown = Stack({WHOP_SECRET: {"companies": companies}}).answer["data"]

    assert [each["name"] for each in shown] == ["default", "Shop", "agency", "zoo"]
    assert [each["is_default"] for each in shown] == [True, False, False, False]


def test_the_api_keys_are_named_by_their_companies_and_not_shown(stack: Stack) -> None:
    assert stack.answer["api_keys"] == {"default": True, "companies": ["biz_C", "biz_D"]}


def test_a_stack_without_any_credential_says_so() -> None:
    shown = Stack({WHOP_SECRET: {}}).answer

    assert shown["api_keys"] == {"default": False, "companies": []}
    assert [(each["name"], each["state"]) for each in shown["data"]] == [("default", "disconnected")]


@pytest.mark.parametrize("secret", [{}, aws_error("ResourceNotFoundException"), aws_error("InvalidRequestException")])
def test_a_connection_without_tokens_is_disconnected(stack: Stack, secret: SecretValue) -> None:
    stack.manager.values[AGENCY] = secret

    assert (stack.agency["state"], stack.agency["expires_at"], stack.agency["account"]) == ("disconnected", None, None)
    assert stack.agency["companies"] == ["biz_A", "biz_B"]


def test_a_broken_connection_says_when_and_why(stack: Stack) -> None:
    at = NOW - timedelta(minutes=2)
    stack.row("agency", broken=fingerprint("canary-refresh"), broken_at=int(at.timestamp()), reason="whop rejected it")

    shown = stack.agency

    assert (shown["state"], shown["broken_at"], shown["reason"]) == ("broken", text(at), "whop rejected it")
    assert shown["renews_at"] is None
    assert shown["account"] == ACCOUNT


def test_a_new_login_is_seen_at_once_although_the_row_still_says_broken(stack: Stack) -> None:
    stack.row("agency", broken=fingerprint("canary-refresh"), broken_at=1, reason="whop rejected it")
    clock = stack.app.secrets.clock = FakeClock(NOW.timestamp())
    assert stack.agency["state"] == "broken"

    stack.manager.values[AGENCY] = connected(refresh_token="canary-new")
    clock.now += 31

    assert (stack.agency["state"], stack.agency["reason"], stack.agency["broken_at"]) == ("connected", None, None)


def test_a_connection_that_works_is_read_once_in_five_minutes(stack: Stack) -> None:
    for _ in range(3):
        assert stack.agency["state"] == "connected"

    assert stack.manager.reads.count(AGENCY) == 1


def test_a_connection_that_does_not_work_is_read_again_every_30_seconds(stack: Stack) -> None:
    clock = stack.app.secrets.clock = FakeClock(NOW.timestamp())
    for seconds in (0, 10, 19, 2):
        clock.now += seconds
        assert stack.answer["data"][0]["state"] == "disconnected"

    assert stack.manager.reads.count(DEFAULT) == 3


def test_an_access_token_that_has_ended_is_expired(stack: Stack) -> None:
    stack.manager.values[AGENCY] = connected(minutes=-1)

    assert stack.agency["state"] == "expired"
    assert stack.agency["renews_at"] == text(NOW - timedelta(minutes=1) - RENEW_BEFORE_END)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (aws_error("AccessDeniedException"), "may not be read (AccessDeniedException)"),
        (aws_error("ThrottlingException"), "could not be read (ThrottlingException)"),
        ({"oauth": {"refresh_token": "canary"}}, "is malformed"),
        ("canary", "is not JSON"),
    ],
)
def test_one_secret_that_cannot_be_read_does_not_hide_the_others(
    stack: Stack, secret: SecretValue, reason: str
) -> None:
    stack.manager.values[DEFAULT] = secret
    stack.row("default", renewed_at=1_800_000_000)

    default, agency = stack.answer["data"]

    assert (default["state"], agency["state"]) == ("unreadable", "connected")
    assert f"secret {DEFAULT} {reason}" in default["reason"]
    assert default["renewed_at"] == "2027-01-15T08:00:00Z"


def test_a_main_secret_that_cannot_be_read_fails_with_what_to_type(stack: Stack) -> None:
    stack.manager.values[WHOP_SECRET] = {"api_key": "with a space"}

    answer = stack.api("GET", "/connections")

    assert (answer.status, answer.json["title"]) == (500, "Secret unusable")
    assert "aichats admin secret set whop" in answer.json["detail"]


def test_a_connection_of_an_earlier_version_has_no_account(stack: Stack) -> None:
    stack.manager.values[AGENCY] = {"oauth": connected(company_id="biz_A")["oauth"]}

    assert (stack.agency["account"], stack.agency["company_id"]) == (None, "biz_A")


def test_the_answer_for_as_many_connections_as_the_secret_has_room_for_is_small() -> None:
    companies = {f"biz_{number:013}": {"connection": f"c{number}"} for number in range(1000)}
    secrets = {f"{WHOP_SECRET}/c{number}": connected() for number in range(1000)}

    answer = Stack({WHOP_SECRET: {"companies": companies}, **secrets}).api("GET", "/connections")

    assert {each["state"] for each in answer.json["data"][1:]} == {"connected"}
    assert len(answer.body) < 1_000_000


def test_a_key_by_mistake_in_the_place_of_a_company_is_not_shown(stack: Stack) -> None:
    stack.manager.values[WHOP_SECRET] = {"companies": {"key-of-x": "key-of-y", "canary": {"connection": "agency"}}}

    assert stack.answer["api_keys"]["companies"] == []
    assert stack.agency["companies"] == []
