import pytest

from tests.support.mock_servers import NEW, OLD, WhopInProcess


def test_a_created_chat_is_answered_with_200_and_has_its_first_message(whop: WhopInProcess) -> None:
    reply = whop.call("POST", json={"message_text": "Summarize the week.", "title": "Weekly"})

    assert reply.status_code == 200
    chat = reply.json()
    assert chat.pop("id").startswith("aich_")
    assert chat == {
        "title": "Weekly",
        "notification_preference": "all",
        "message_count": 1,
        "blended_token_usage": "0.0",
        "created_at": "2027-01-15T08:00:00.000Z",
        "updated_at": "2027-01-15T08:00:00.000Z",
        "last_message_at": "2027-01-15T08:00:00.000Z",
        "user": {"id": "user_localstandin1"},
    }


def test_a_chat_without_a_title_has_the_title_null(whop: WhopInProcess) -> None:
    assert whop.create()["title"] is None


def test_every_optional_field_of_a_create_may_be_null(whop: WhopInProcess) -> None:
    names = ["title", "message_attachments", "message_source", "suggestion_type", "current_company_id"]

    reply = whop.call("POST", json={"message_text": "hello", **dict.fromkeys(names)})

    assert (reply.status_code, reply.json()["title"]) == (200, None)


def test_a_chat_can_be_retrieved_as_it_was_created(whop: WhopInProcess) -> None:
    chat = whop.create(title="Weekly")

    assert whop.call("GET", f"/{chat['id']}").json() == chat


def test_an_update_changes_what_it_names_and_nothing_else(whop: WhopInProcess) -> None:
    chat = whop.create(title="Weekly", current_company_id="biz_A")
    whop.advance(1.5)

    updated = whop.call("PATCH", f"/{chat['id']}", json={"notification_preference": "none"}).json()

    assert updated == chat | {"notification_preference": "none", "updated_at": "2027-01-15T08:00:01.500Z"}
    assert whop.state()["chats"][0]["company_id"] == "biz_A"


def test_null_clears_title_and_company_and_turns_notifications_on_again(whop: WhopInProcess) -> None:
    chat = whop.create(title="Weekly", current_company_id="biz_A")
    whop.call("PATCH", f"/{chat['id']}", json={"notification_preference": "none"})

    cleared = {"title": None, "notification_preference": None, "current_company_id": None}
    updated = whop.call("PATCH", f"/{chat['id']}", json=cleared).json()

    assert (updated["title"], updated["notification_preference"]) == (None, "all")
    assert whop.state()["chats"][0]["company_id"] is None


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_update_without_fields_changes_nothing(whop: WhopInProcess, body: bytes) -> None:
    chat = whop.create(title="Weekly")
    whop.advance(1)

    reply = whop.call("PATCH", f"/{chat['id']}", content=body)

    assert (reply.status_code, reply.json()) == (200, chat)


def test_a_delete_answers_true_and_the_chat_is_gone(whop: WhopInProcess) -> None:
    path = f"/{whop.create()['id']}"

    assert whop.call("DELETE", path).content == b"true"
    assert whop.call("DELETE", path).status_code == 404
    assert whop.call("GET").json()["data"] == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_chat_that_does_not_exist_is_not_found(whop: WhopInProcess, method: str) -> None:
    reply = whop.call(method, "/aich_none")

    assert reply.status_code == 404
    assert reply.json()["error"] == {
        "type": "not_found",
        "message": "Resource not found",
        "code": None,
        "param": None,
    }


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("POST", "/aich_1"), ("GET", "/aich_1/messages")])
def test_what_the_api_does_not_have_is_not_found(whop: WhopInProcess, method: str, path: str) -> None:
    reply = whop.call(method, path)

    assert (reply.status_code, reply.json()["error"]["type"]) == (404, "not_found")


def test_every_answer_has_a_request_id_of_its_own(whop: WhopInProcess) -> None:
    replies = [whop.call("GET"), whop.call("GET", "/aich_none"), whop.call("GET", token=None), whop.call("PUT")]

    assert len({reply.headers["x-request-id"] for reply in replies}) == 4


def test_the_state_lists_chats_in_order_of_creation_with_what_the_api_hides(whop: WhopInProcess) -> None:
    first = whop.create("one", current_company_id="biz_A", message_source="suggestion", suggestion_type="revenue")
    attached = [{"id": "file_1"}, {"id": "file_2"}]
    second = whop.create(
        "two", version=NEW, current_account_id="biz_B", agent_identifier="general", message_attachments=attached
    )

    assert whop.state()["chats"] == [
        first
        | {"agent_identifier": "support", "company_id": "biz_A", "message_text": "one", "message_attachments": []}
        | {"message_source": "suggestion", "suggestion_type": "revenue"},
        second
        | {"company_id": "biz_B", "message_text": "two", "message_attachments": ["file_1", "file_2"]}
        | {"message_source": None, "suggestion_type": None},
    ]


def test_the_agent_is_shown_since_the_version_that_brought_it(whop: WhopInProcess) -> None:
    chat = whop.create(version=OLD)

    assert "agent_identifier" not in chat
    assert whop.call("GET", f"/{chat['id']}", version=NEW).json() == chat | {"agent_identifier": "support"}


def test_the_agent_replies_to_a_new_chat_when_the_time_has_come(whop: WhopInProcess) -> None:
    silent = whop.create()
    whop.mode(replies={"after": 20, "tokens": "123.45"})
    chat = whop.create()
    whop.clock.advance(19)
    before = whop.call("GET", f"/{chat['id']}").json()
    whop.clock.advance(1)
    after = whop.call("GET", f"/{chat['id']}").json()

    assert before == chat
    reply = {"message_count": 2, "blended_token_usage": "123.45", "last_message_at": "2027-01-15T08:00:20.000Z"}
    assert after == chat | reply
    assert whop.call("GET", f"/{silent['id']}").json() == silent
    assert {listed["message_count"] for listed in whop.call("GET").json()["data"]} == {1, 2}
