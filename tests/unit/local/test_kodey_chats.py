import pytest

from tests.support.mock_servers import Json, KodeyInProcess, user_message

CREATED_AT = "2027-01-15T08:00:00Z"
TEAM = "team_localstandin1"


def send(kodey: KodeyInProcess, chat: Json, content: str = "hello") -> Json:
    reply = kodey.call("POST", f"/{chat['id']}/message", json=user_message(content))
    assert reply.status_code == 200, reply.text
    answer: Json = reply.json()
    return answer


def test_a_created_chat_is_answered_with_200_its_agent_and_its_team(kodey: KodeyInProcess) -> None:
    chat = kodey.create("agent_1", userId="user_1", metadata={"run": "r"})

    assert chat.pop("id").startswith("chat_")
    assert chat == {"agentId": "agent_1", "teamId": TEAM, "createdAt": CREATED_AT}


@pytest.mark.parametrize("body", [{}, {"userId": None}, {"metadata": {}}])
def test_an_agent_is_enough_for_a_chat(kodey: KodeyInProcess, body: Json) -> None:
    kodey.create(**body)

    (chat,) = kodey.call("GET").json()["chats"]
    assert chat["userId"] is None


def test_a_chat_shows_its_messages_and_never_its_metadata(kodey: KodeyInProcess) -> None:
    chat = kodey.create(userId="user_1", metadata={"run": "r"})
    retrieved = kodey.call("GET", f"/{chat['id']}").json()

    assert retrieved == {**chat, "messages": []}


def test_a_list_shows_the_user_and_not_the_team(kodey: KodeyInProcess) -> None:
    chat = kodey.create("agent_1", userId="user_1", metadata={"run": "r"})

    listed = {"id": chat["id"], "agentId": "agent_1", "userId": "user_1", "createdAt": CREATED_AT}
    assert kodey.call("GET").json() == {"chats": [listed]}


@pytest.mark.parametrize(("query", "users"), [
    ({}, ["c", "b", "a"]),
    ({"userId": "b"}, ["b"]),
    ({"userId": "none"}, []),
    ({"userId": ""}, ["c", "b", "a"]),
    ({"agentType": "sales"}, ["c", "a"]),
    ({"agentType": "sales", "userId": "a"}, ["a"]),
    ({"agentType": "sales", "userId": "b"}, []),
    ({"limit": "1"}, ["c", "b", "a"]),
])  # fmt: skip
def test_a_list_is_filtered_by_user_and_type_of_agent_and_has_no_pages(
    kodey: KodeyInProcess, query: dict[str, str], users: list[str]
) -> None:
    for user, agent in (("a", "agent_sales"), ("b", "agent_support"), ("c", "agent_sales")):
        kodey.create(agent, userId=user)

    chats = kodey.call("GET", params=query).json()["chats"]
    assert [chat["userId"] for chat in chats] == users


def test_a_message_is_answered_by_the_assistant(kodey: KodeyInProcess) -> None:
    chat = kodey.create()
    answer = send(kodey, chat, "How are you?")

    assert answer.pop("id").startswith("msg_")
    said = {"chatId": chat["id"], "content": "You said: How are you?", "role": "assistant"}
    assert answer == {**said, "createdAt": CREATED_AT}


def test_both_messages_are_listed_and_in_the_chat(kodey: KodeyInProcess) -> None:
    kodey.mode(list="oldest")
    chat = kodey.create()
    answer = send(kodey, chat)
    messages = kodey.call("GET", f"/{chat['id']}/message").json()["messages"]

    assert messages[1] == {name: value for name, value in answer.items() if name != "chatId"}
    question = {"id": messages[0]["id"], "content": "hello", "role": "user", "createdAt": CREATED_AT}
    assert messages[0] == question
    assert kodey.call("GET", f"/{chat['id']}").json()["messages"] == messages


def test_a_message_is_stored_at_once_and_its_answer_when_it_is_ready(kodey: KodeyInProcess) -> None:
    chat = kodey.create()
    kodey.mode(answer_seconds=40)
    task = kodey.begin_call("POST", f"/{chat['id']}/message", json=user_message())

    assert kodey.messages() == ["hello"]
    kodey.advance(39.9)
    assert (task.done(), kodey.messages()) == (False, ["hello"])
    kodey.advance(0.1)
    assert kodey.end(task).json()["createdAt"] == "2027-01-15T08:00:40Z"
    assert kodey.messages() == ["hello", "You said: hello"]


def test_a_chat_that_is_deleted_is_gone(kodey: KodeyInProcess) -> None:
    path = f"/{kodey.create()['id']}"
    reply = kodey.call("DELETE", path)

    assert (reply.status_code, reply.content, reply.headers.get("content-type")) == (204, b"", None)
    assert kodey.call("DELETE", path).status_code == 404
    assert kodey.state()["chats"] == []


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/chat_none"),
    ("DELETE", "/chat_none"),
    ("GET", "/chat_none/message"),
    ("POST", "/chat_none/message"),
])  # fmt: skip
def test_a_chat_that_does_not_exist_is_not_found(kodey: KodeyInProcess, method: str, path: str) -> None:
    reply = kodey.call(method, path, json=user_message() if method == "POST" else None)

    assert reply.status_code == 404
    assert reply.json() == {"error": "Not Found", "message": "There is no chat chat_none."}


def test_an_agent_that_is_called_missing_is_not_found(kodey: KodeyInProcess) -> None:
    reply = kodey.call("POST", json={"agentId": "missing_agent"})

    assert (reply.status_code, reply.json()["message"]) == (404, "There is no agent missing_agent.")
    assert kodey.state()["chats"] == []


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/chat_1"), ("PUT", ""), ("GET", "/chat_1/messages")])
def test_what_the_api_does_not_have_is_not_found(kodey: KodeyInProcess, method: str, path: str) -> None:
    reply = kodey.call(method, path)

    assert (reply.status_code, reply.json()["error"]) == (404, "Not Found")


@pytest.mark.parametrize(("path", "body", "field"), [
    ("", b"{}", "agentId"),
    ("", b"", "body"),
    ("", b"{", "body"),
    ("", b"[]", "body"),
    ("", b'{"agentId": 1}', "agentId"),
    ("", b'{"agentId": "a", "metadata": []}', "metadata"),
    ("", b'{"agentId": "a", "metadata": null}', "metadata"),
    ("", b'{"agentId": "a", "title": "t"}', "title"),
    ("/message", b'{"content": "hello"}', "role"),
    ("/message", b'{"role": "user"}', "content"),
    ("/message", b'{"content": "hello", "role": "assistant"}', "role"),
])  # fmt: skip
def test_a_body_that_is_wrong_is_rejected_by_the_name_of_its_field(
    kodey: KodeyInProcess, path: str, body: bytes, field: str
) -> None:
    chat = kodey.create()
    reply = kodey.call("POST", path and f"/{chat['id']}{path}", content=body)

    assert (reply.status_code, reply.json()["error"]) == (400, "Bad Request")
    assert reply.json()["message"].startswith(f"{field}: ")
    assert kodey.messages() == []


def test_the_state_has_chats_and_messages_in_order_with_what_the_api_hides(kodey: KodeyInProcess) -> None:
    first = kodey.create(userId="user_1", metadata={"run": "r"})
    second = kodey.create()
    send(kodey, first, "one")
    send(kodey, first, "two")
    kodey.mode(list="shuffled")

    chats = kodey.state()["chats"]
    said = [(message["role"], message["content"]) for message in chats[0].pop("messages")]
    assert said == [("user", "one"), ("assistant", "You said: one"), ("user", "two"), ("assistant", "You said: two")]
    assert chats == [
        {**first, "userId": "user_1", "metadata": {"run": "r"}},
        {**second, "userId": None, "metadata": {}, "messages": []},
    ]


def test_lists_of_chats_and_messages_come_in_the_order_of_the_mode(kodey: KodeyInProcess) -> None:
    first = kodey.create()
    ids = [first["id"], *(kodey.create()["id"] for _ in range(7))]
    said = [text for number in range(4) for text in (f"{number}", send(kodey, first, f"{number}")["content"])]
    orders = {}
    for order in ("oldest", "newest", "shuffled"):
        kodey.mode(list=order)
        chats = kodey.call("GET").json()["chats"]
        messages = kodey.call("GET", f"/{first['id']}/message").json()["messages"]
        orders[order] = [chat["id"] for chat in chats], [message["content"] for message in messages]

    assert orders["oldest"] == (ids, said)
    assert orders["newest"] == (ids[::-1], said[::-1])
    assert (sorted(orders["shuffled"][0]), sorted(orders["shuffled"][1])) == (sorted(ids), sorted(said))


def test_chats_and_messages_appear_in_lists_after_the_lag(kodey: KodeyInProcess) -> None:
    kodey.mode(list_lag=5)
    chat = kodey.create(userId="user_1")
    send(kodey, chat)
    paths = ("", f"/{chat['id']}/message", f"/{chat['id']}")
    seen = []
    for wait in (4.9, 0.1):
        kodey.advance(wait)
        seen.append([len(kodey.call("GET", path).json()["messages" if path else "chats"]) for path in paths])

    assert seen == [[0, 0, 0], [1, 2, 2]]
