import pytest

from tests.support.mock_servers import NEW, Json, WhopInProcess
from tests.support.waiting import turns


def ids(page: Json) -> list[str]:
    return [chat["id"] for chat in page["data"]]


def page(whop: WhopInProcess, version: str = NEW, **query: object) -> Json:
    reply = whop.call("GET", params=query, version=version)
    assert reply.status_code == 200, reply.text
    answer: Json = reply.json()
    return answer


def walk(whop: WhopInProcess, size: int) -> list[str]:
    seen, info = [], {"has_next_page": True, "end_cursor": ""}
    turn = turns()
    while info["has_next_page"]:
        next(turn)
        answer = page(whop, first=size, after=info["end_cursor"])
        seen += ids(answer)
        info = answer["page_info"]
    return seen


def created(whop: WhopInProcess, count: int) -> list[str]:
    return [whop.create(f"message {number}")["id"] for number in range(count)]


def test_an_empty_list_has_all_four_fields_of_page_info(whop: WhopInProcess) -> None:
    info = {"start_cursor": None, "end_cursor": None, "has_next_page": False, "has_previous_page": False}

    assert page(whop) == {"data": [], "page_info": info}


def test_lists_begin_with_the_newest_chat(whop: WhopInProcess) -> None:
    oldest, newest = created(whop, 2)

    assert ids(page(whop)) == [newest, oldest]


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
@pytest.mark.parametrize("size", [1, 3, 7, 8])
def test_walking_the_pages_meets_every_chat_once(whop: WhopInProcess, order: str, size: int) -> None:
    whop.mode(list=order)
    chats = created(whop, 7)

    assert sorted(walk(whop, size)) == sorted(chats)


def test_the_oldest_come_first_when_the_mode_says_so(whop: WhopInProcess) -> None:
    whop.mode(list="oldest")

    assert created(whop, 5) == walk(whop, 2)


def test_a_shuffled_list_is_in_no_order_of_creation(whop: WhopInProcess) -> None:
    whop.mode(list="shuffled")
    chats = created(whop, 40)
    listed = walk(whop, 40)

    assert listed not in (chats, chats[::-1])
    assert listed == walk(whop, 7)


def test_a_page_in_the_middle_has_neighbours_on_both_sides(whop: WhopInProcess) -> None:
    first, second, third = reversed(created(whop, 3))
    info = page(whop, first=1)["page_info"]

    middle = page(whop, first=1, after=info["end_cursor"])

    assert ids(middle) == [second]
    assert middle["page_info"]["start_cursor"] == middle["page_info"]["end_cursor"]
    assert (middle["page_info"]["has_next_page"], middle["page_info"]["has_previous_page"]) == (True, True)
    assert ids(page(whop, before=middle["page_info"]["start_cursor"])) == [first]
    assert ids(page(whop, after=middle["page_info"]["end_cursor"])) == [third]


def test_last_takes_the_end_of_the_list(whop: WhopInProcess) -> None:
    chats = created(whop, 4)
    end = page(whop, last=2)

    assert ids(end) == [chats[1], chats[0]]
    assert (end["page_info"]["has_next_page"], end["page_info"]["has_previous_page"]) == (False, True)
    assert ids(page(whop, last=1, before=end["page_info"]["start_cursor"])) == [chats[2]]


def test_first_and_last_together_take_the_end_of_the_beginning(whop: WhopInProcess) -> None:
    chats = created(whop, 4)

    assert ids(page(whop, first=3, last=1)) == [chats[1]]


def test_a_cursor_still_works_when_its_chat_was_deleted(whop: WhopInProcess) -> None:
    third, second, first = created(whop, 3)
    cursor = page(whop, first=1)["page_info"]["end_cursor"]
    whop.call("DELETE", f"/{first}")

    assert ids(page(whop, after=cursor)) == [second, third]


def test_a_chat_that_is_created_during_a_walk_does_not_move_its_pages(whop: WhopInProcess) -> None:
    third, second, _ = created(whop, 3)
    cursor = page(whop, first=1)["page_info"]["end_cursor"]
    whop.create()

    assert ids(page(whop, after=cursor)) == [second, third]


def test_a_page_has_20_chats_unless_asked_and_100_at_most(whop: WhopInProcess) -> None:
    created(whop, 101)

    assert len(page(whop)["data"]) == 20
    assert len(page(whop, first=500)["data"]) == 100
    assert len(page(whop, last=500)["data"]) == 100
    assert page(whop, first=500)["page_info"]["has_next_page"] is True


@pytest.mark.parametrize(("query", "param"), [
    ({"after": "nonsense"}, "after"),
    ({"before": "MTI="}, "before"),
    ({"first": "many"}, "first"),
    ({"first": "0"}, "first"),
    ({"last": "-1"}, "last"),
    ({"only_active_crons": "maybe"}, "only_active_crons"),
    ({"agent_identifier": "nobody"}, "agent_identifier"),
    ({"limit": "5"}, "limit"),
])  # fmt: skip
def test_a_query_that_is_invalid_is_rejected_by_name(whop: WhopInProcess, query: Json, param: str) -> None:
    reply = whop.call("GET", params=query, version=NEW)

    assert reply.status_code == 400
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == ("parameter_invalid", param)


def test_no_chat_has_an_active_cron(whop: WhopInProcess) -> None:
    chats = created(whop, 1)

    assert page(whop, only_active_crons="true")["data"] == []
    assert ids(page(whop, only_active_crons="false")) == chats


def test_lists_can_be_narrowed_to_an_agent(whop: WhopInProcess) -> None:
    general = whop.create(version=NEW, agent_identifier="general")
    support = whop.create(version=NEW)

    assert ids(page(whop, agent_identifier="general")) == [general["id"]]
    assert ids(page(whop, agent_identifier="support")) == [support["id"]]


def test_a_chat_appears_in_lists_only_after_the_lag(whop: WhopInProcess) -> None:
    whop.mode(list_lag=2.5)
    chat = whop.create()

    whop.advance(2.4)
    assert ids(page(whop)) == []
    assert whop.call("GET", f"/{chat['id']}").status_code == 200

    whop.advance(0.1)
    assert ids(page(whop)) == [chat["id"]]
