"""``GET /me``: the client sees its scopes, its limits, and the operations that are open to it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

from aichats.api.app import create_api
from aichats.api.callers import Scope
from aichats.api.every_operation import OPERATIONS
from tests.support.fakes import FakeSecretsManager, Json, ScriptedTransport
from tests.support.lambda_calls import (
    CALLERS_SECRET,
    LOCAL,
    SECRETS,
    HttpCaller,
    call_api,
    make_application,
    stored_caller,
)

END = "2030-01-01T00:00:00Z"
EVERY_SCOPE: tuple[str, ...] = get_args(Scope.__value__)


def api_of(**callers: Json) -> HttpCaller:
    """Return the API with callers, whose tokens are their names."""
    secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: callers})
    return HttpCaller(create_api(make_application(ScriptedTransport(), secrets)).resolve)


def me(fields: Mapping[str, object], *scopes: str) -> Json:
    """Return the answer to a caller with these scopes and fields."""
    answer = api_of(crm={**stored_caller("crm", *scopes), **fields})("GET", "/me", token="Bearer crm")
    assert answer.status == 200
    shown: Json = answer.json
    return shown


def test_a_client_sees_its_name_its_sorted_scopes_and_its_stack() -> None:
    shown = me({}, "runs:read", "chats:write", "chats:read")

    assert (shown["name"], shown["scopes"]) == ("crm", ["chats:read", "chats:write", "runs:read"])
    assert (shown["companies"], shown["expires_at"]) == (None, None)
    assert shown["stack"] == "aichats"


def test_a_client_sees_its_companies_and_the_end_of_its_token() -> None:
    shown = me({"companies": ["biz_B", "biz_A"], "expires_at": END}, "runs:read")

    assert (shown["companies"], shown["expires_at"]) == (["biz_A", "biz_B"], END)


def test_a_client_that_has_no_companies_is_not_shown_as_unlimited() -> None:
    assert me({"companies": []}, "runs:read")["companies"] == []


def test_a_token_that_was_replaced_shows_its_own_end() -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    old = {"sha256": stored_caller("old")["sha256"], "expires_at": until}
    api = api_of(crm=stored_caller("crm", "runs:read") | {"previous": old})

    shown = api("GET", "/me", token="Bearer old").json

    assert datetime.fromisoformat(shown["expires_at"]) == datetime.fromisoformat(until)


def test_a_client_without_scopes_may_ask_and_may_use_nothing_else() -> None:
    assert me({})["operations"] == ["get_me"]


def test_a_client_sees_the_operations_whose_scopes_it_has() -> None:
    shown = me({}, "runs:write")["operations"]

    assert shown == sorted(shown)
    assert {"cancel_run", "replay_runs", "get_me"} <= set(shown)
    # Each of these needs another scope, or one more.
    assert not {"list_runs", "start_runs", "list_chats"} & set(shown)


def test_a_client_with_all_scopes_sees_each_operation_that_can_succeed() -> None:
    assert me({}, *EVERY_SCOPE)["operations"] == sorted(each.run.__name__ for each in OPERATIONS if each.answers)


def test_a_limited_client_sees_the_operations_that_are_open_to_it() -> None:
    limited, free = (me(fields, *EVERY_SCOPE)["operations"] for fields in ({"companies": ["biz_A"]}, {}))

    assert {"list_runs", "put_automation"} <= set(limited)
    assert set(free) - set(limited) == {each.run.__name__ for each in OPERATIONS if each.answers and not each.limited}


def test_an_unknown_token_sees_nothing() -> None:
    assert call_api(ScriptedTransport())("GET", "/me", token="Bearer other").status == 401


def test_the_local_client_sees_itself() -> None:
    assert call_api(ScriptedTransport())("GET", "/me", token=f"Bearer {LOCAL}").json["name"] == "local"
