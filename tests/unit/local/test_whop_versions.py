import pytest

from local.standins.whop.versions import VERSIONS
from tests.support.mock_servers import NEW, OLD, Json, WhopInProcess

SINCE_THE_RENAME = [version for version in VERSIONS if version >= "2026-09-15"]
BEFORE_THE_RENAME = [version for version in VERSIONS if version < "2026-09-15"]


def rejected(whop: WhopInProcess, body: object, version: str = OLD) -> tuple[str, str]:
    reply = whop.call("POST", json=body, version=version)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert whop.state()["chats"] == []
    return error["code"], error["param"]


@pytest.mark.parametrize("version", BEFORE_THE_RENAME)
def test_before_the_rename_only_a_company_is_taken(whop: WhopInProcess, version: str) -> None:
    refusal = rejected(whop, {"message_text": "hello", "current_account_id": "biz_A"}, version)
    whop.create(version=version, current_company_id="biz_A")

    assert refusal == ("parameter_invalid", "current_account_id")
    assert [chat["company_id"] for chat in whop.state()["chats"]] == ["biz_A"]


@pytest.mark.parametrize("version", SINCE_THE_RENAME)
def test_since_the_rename_only_an_account_is_taken(whop: WhopInProcess, version: str) -> None:
    refusal = rejected(whop, {"message_text": "hello", "current_company_id": "biz_A"}, version)
    whop.create(version=version, current_account_id="biz_A")

    assert refusal == ("parameter_invalid", "current_company_id")
    assert [chat["company_id"] for chat in whop.state()["chats"]] == ["biz_A"]


def test_the_rename_applies_to_updates_too(whop: WhopInProcess) -> None:
    path = f"/{whop.create()['id']}"

    refusal = whop.call("PATCH", path, json={"current_account_id": "biz_B"}, version=OLD)
    assert refusal.json()["error"]["param"] == "current_account_id"
    assert whop.call("PATCH", path, json={"current_account_id": "biz_B"}, version=NEW).status_code == 200
    assert whop.state()["chats"][0]["company_id"] == "biz_B"


def test_without_a_version_the_oldest_one_speaks(whop: WhopInProcess) -> None:
    reply = whop.call("POST", json={"message_text": "hello", "current_company_id": "biz_A"}, version=None)

    assert reply.status_code == 200
    assert "agent_identifier" not in reply.json()


@pytest.mark.parametrize("version", ["2026-09-16", "2026-09-02-3", "latest", ""])
def test_an_unknown_version_is_rejected(whop: WhopInProcess, version: str) -> None:
    reply = whop.call("GET", version=version)

    assert reply.status_code == 400
    assert "Unknown Api-Version-Date" in reply.json()["error"]["message"]


@pytest.mark.parametrize("query", [{}, {"agent_identifier": "support"}])
def test_agents_are_unknown_before_the_version_that_brought_them(whop: WhopInProcess, query: Json) -> None:
    code, param = rejected(whop, {"message_text": "hello", "agent_identifier": "general"}, OLD)
    listed = whop.call("GET", params=query, version=OLD)

    assert (code, param) == ("parameter_invalid", "agent_identifier")
    assert listed.status_code == (400 if query else 200)


@pytest.mark.parametrize(("agent", "shown"), [("general", "general"), ("support", "support"), (None, "support")])
def test_a_chat_has_the_agent_it_was_created_with(whop: WhopInProcess, agent: str | None, shown: str) -> None:
    assert whop.create(version=NEW, agent_identifier=agent)["agent_identifier"] == shown


@pytest.mark.parametrize(("body", "param"), [
    ({}, "message_text"),
    ({"title": "Weekly"}, "message_text"),
    ({"message_text": "hello", "message_attachments": [{"name": "x"}]}, "message_attachments.0.id"),
])  # fmt: skip
def test_a_missing_parameter_is_named(whop: WhopInProcess, body: Json, param: str) -> None:
    assert rejected(whop, body) == ("parameter_missing", param)


@pytest.mark.parametrize(("body", "param"), [
    ({"message_text": None}, "message_text"),
    ({"message_text": 5}, "message_text"),
    ({"message_text": "hello", "title": 5}, "title"),
    ({"message_text": "hello", "current_company_id": ["biz_A"]}, "current_company_id"),
    ({"message_text": "hello", "message_source": "elsewhere"}, "message_source"),
    ({"message_text": "hello", "message_attachments": ["file_1"]}, "message_attachments.0"),
    ({"message_text": "hello", "suggestion_type": "revenue"}, "suggestion_type"),
    ({"message_text": "hello", "message_source": "link", "suggestion_type": "revenue"}, "suggestion_type"),
    ({"message_text": "hello", "company_id": "biz_A"}, "company_id"),
    ({"message_text": "hello", "notification_preference": "none"}, "notification_preference"),
    (["hello"], None),
])  # fmt: skip
def test_an_invalid_parameter_is_named(whop: WhopInProcess, body: object, param: str | None) -> None:
    assert rejected(whop, body) == ("parameter_invalid", param)


def test_a_create_without_a_body_lacks_its_message(whop: WhopInProcess) -> None:
    assert whop.call("POST").json()["error"]["code"] == "parameter_missing"


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("body", ["{", "message_text=hello"])
def test_a_body_that_is_not_json_is_rejected_as_such(whop: WhopInProcess, method: str, body: str) -> None:
    path = f"/{whop.create()['id']}" if method == "PATCH" else ""
    reply = whop.call(method, path, content=body)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("body", [{"notification_preference": "some"}, {"message_text": "more"}])
def test_an_update_that_is_invalid_is_rejected_by_name(whop: WhopInProcess, body: Json) -> None:
    chat = whop.create()
    error = whop.call("PATCH", f"/{chat['id']}", json=body).json()["error"]

    assert (error["code"], error["param"]) == ("parameter_invalid", next(iter(body)))
    assert whop.call("GET", f"/{chat['id']}").json() == chat
