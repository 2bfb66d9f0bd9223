"""The scenario of Kodey: runs create chats with an answer, some for one user, and send messages to existing chats.

An existing chat already has the words of the run's message and an answer. Neither counts for the run.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from aichats.runs.ledger.rows import Row
from aichats.runs.providers.kodey import own_user_id
from benchmarks.chaotic.scenario import CALL_SECONDS, Chat, Order, Result
from local.plain_http import plain_client
from local.system import KODEY, System

TEXT = "Summarize last week's revenue."
USER = "user-of-many"
"""The user of a third of the runs' chats."""
CREATE = {"message_text": TEXT}
CREATE_FOR_USER = {**CREATE, "user_id": USER}
SEND = {"content": TEXT}
EARLIER = 2
"""Number of messages in an existing chat."""
ANSWER_SECONDS = 0.2
ANSWER_LIMIT = 3.0
AT_ONCE = 6


@dataclass(frozen=True)
class KodeyScenario:
    """Chaos with Kodey."""

    delays: Sequence[float] = (0.5, ANSWER_LIMIT + 0.5)

    @property
    def mode(self) -> Mapping[str, Any]:
        """The mode with the time of an answer."""
        return {"answer_seconds": ANSWER_SECONDS}

    def url(self, system: System) -> str:
        """Return the URL of the mock server."""
        return system.kodey_url

    def environment(self, proxy: str) -> Mapping[str, str]:
        """Return the variables for its address and its time limits."""
        return {
            "KODEY_BASE_URL": proxy + KODEY.path,
            "KODEY_TIMEOUT_SECONDS": str(CALL_SECONDS),
            "KODEY_ANSWER_SECONDS": str(ANSWER_LIMIT),
        }

    def orders(self, system: System, runs: int, seed: int) -> Sequence[Order]:
        """Return a third each: chats of different users, chats of one user, and messages to new chats."""
        third = runs // 3
        agents = [f"agent_{seed}x{number:06d}" for number in range(runs - third)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            chats = list(pool.map(partial(earlier_chat, system.kodey_url), range(third)))
        return [
            Order({"type": "kodey.create_chat", **CREATE}, agents[third:], partial(call_to_create, CREATE)),
            Order(
                {"type": "kodey.create_chat", **CREATE_FOR_USER},
                agents[:third],
                partial(call_to_create, CREATE_FOR_USER),
            ),
            Order({"type": "kodey.send_message", **SEND}, chats, lambda chat: (f"/kodey/chats/{chat}/messages", SEND)),
        ]

    def results(self, orders: Sequence[Order], chats: Sequence[Chat]) -> Mapping[str, Result]:
        """Return the result for each target: one chat for an agent, with one message and its answer."""
        by_id = {chat["id"]: chat for chat in chats}
        by_agent: defaultdict[str, list[Chat]] = defaultdict(list)
        for chat in chats:
            by_agent[chat["agentId"]].append(chat)
        targets = [target for order in orders for target in order.targets]
        return {
            target: of_message(by_id[target]) if target in by_id else of_chats(by_agent[target]) for target in targets
        }


def call_to_create(body: Mapping[str, Any], agent: str) -> tuple[str, Mapping[str, Any]]:
    """Return the path and body of the `POST` that creates a chat with an agent."""
    return "/kodey/chats", {**body, "agent_id": agent}


def earlier_chat(url: str, number: int) -> str:
    """Create a chat with the run's words and an answer, from another client. Return its ID."""
    with plain_client(base_url=url, headers={"x-api-key": f"{KODEY.api_key}_earlier"}) as client:
        created = client.post("/chat", json={"agentId": f"agent_earlier{number}"}).raise_for_status().json()
        client.post(f"/chat/{created['id']}/message", json={"content": TEXT, "role": "user"}).raise_for_status()
        return str(created["id"])


def of_message(chat: Chat) -> Result:
    """Return the result for a message to this chat."""
    said = chat["messages"][EARLIER:]
    return Result([questions(said)], lambda row: unanswered(said, row))


def of_chats(chats: Sequence[Chat]) -> Result:
    """Return the result for a chat of which these were created."""

    def difference(row: Row) -> str | None:
        mine = [chat for chat in chats if chat["id"] == row.chat_id]
        if not mine:
            return f"it succeeded, but there is no chat {row.chat_id}"
        user_id = row.run.action.fields.get("user_id") or own_user_id(row.run.run_id)
        if mine[0]["userId"] != user_id:
            return f"its chat belongs to {mine[0]['userId']}, not to {user_id}"
        return unanswered(mine[0]["messages"], row)

    return Result([len(chats), *(questions(chat["messages"]) for chat in chats)], difference)


def questions(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return the number of the user's messages."""
    return sum(message["role"] == "user" for message in messages)


def unanswered(messages: Sequence[Mapping[str, Any]], row: Row) -> str | None:
    """Return why these aren't the run's message and its recorded answer, or ``None``."""
    if [message["role"] for message in messages] != ["user", "assistant"] or messages[0]["content"] != TEXT:
        return f"it succeeded, but the messages are {[(each['role'], each['content']) for each in messages]}"
    recorded = (row.result.get("reply") or {}).get("id")
    return None if recorded == messages[1]["id"] else f"its answer is {messages[1]['id']}, but it has {recorded}"
