"""Kodey: runs create chats with an answer, some of them all for one user, and send messages to chats that are there.

A chat that is there holds the words of the run's message already, with an answer: neither counts for the run.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from aichats.runs.ledger.rows import Row
from aichats.runs.providers.kodey import own_user_id
from benchmarks.chaotic.scenario import CALL_SECONDS, Chat, Made, Wanted
from local.plain_http import plain_client
from local.system import KODEY, System

TEXT = "Summarise last week's revenue."
USER = "user-of-many"
"""Whose chats those of a third of the runs are."""
CREATE = {"message_text": TEXT}
CREATE_FOR_USER = {**CREATE, "user_id": USER}
SEND = {"content": TEXT}
EARLIER = 2
"""Messages that a chat holds to which a run sends one."""
ANSWER_SECONDS = 0.2
ANSWER_LIMIT = 3.0
AT_ONCE = 6


@dataclass(frozen=True)
class KodeyScenario:
    """Chaos with Kodey."""

    delays: Sequence[float] = (0.5, ANSWER_LIMIT + 0.5)

    @property
    def mode(self) -> Mapping[str, Any]:
        """How long an answer takes."""
        return {"answer_seconds": ANSWER_SECONDS}

    def url(self, system: System) -> str:
        """Where the stand-in is."""
        return system.kodey_url

    def environment(self, proxy: str) -> Mapping[str, str]:
        """Its address and its time limits."""
        return {
            "KODEY_BASE_URL": proxy + KODEY.path,
            "KODEY_TIMEOUT_SECONDS": str(CALL_SECONDS),
            "KODEY_ANSWER_SECONDS": str(ANSWER_LIMIT),
        }

    def wanted(self, system: System, runs: int, seed: int) -> Sequence[Wanted]:
        """A third each: chats of users of their own, chats of one user, and messages to chats that are made now."""
        third = runs // 3
        agents = [f"agent_{seed}x{number:06d}" for number in range(runs - third)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            chats = list(pool.map(partial(earlier_chat, system.kodey_url), range(third)))
        return [
            Wanted({"type": "kodey.create_chat", **CREATE}, agents[third:], partial(call_to_create, CREATE)),
            Wanted(
                {"type": "kodey.create_chat", **CREATE_FOR_USER},
                agents[:third],
                partial(call_to_create, CREATE_FOR_USER),
            ),
            Wanted({"type": "kodey.send_message", **SEND}, chats, lambda chat: (f"/kodey/chats/{chat}/messages", SEND)),
        ]

    def made(self, wanted: Sequence[Wanted], chats: Sequence[Chat]) -> Mapping[str, Made]:
        """The chats of each agent, of which there is to be one, and what was said in each, once."""
        by_id = {chat["id"]: chat for chat in chats}
        by_agent: defaultdict[str, list[Chat]] = defaultdict(list)
        for chat in chats:
            by_agent[chat["agentId"]].append(chat)
        targets = [target for each in wanted for target in each.targets]
        return {
            target: of_message(by_id[target]) if target in by_id else of_chats(by_agent[target]) for target in targets
        }


def call_to_create(body: Mapping[str, Any], agent: str) -> tuple[str, Mapping[str, Any]]:
    """Path and body of the `POST` that creates a chat with an agent."""
    return "/kodey/chats", {**body, "agent_id": agent}


def earlier_chat(url: str, number: int) -> str:
    """The id of a new chat in which the run's words were said, and answered, by somebody else."""
    with plain_client(base_url=url, headers={"x-api-key": f"{KODEY.api_key}_earlier"}) as client:
        created = client.post("/chat", json={"agentId": f"agent_earlier{number}"}).raise_for_status().json()
        client.post(f"/chat/{created['id']}/message", json={"content": TEXT, "role": "user"}).raise_for_status()
        return str(created["id"])


def of_message(chat: Chat) -> Made:
    """What was made of a message that was to be sent to this chat."""
    said = chat["messages"][EARLIER:]
    return Made([questions(said)], lambda row: unanswered(said, row))


def of_chats(chats: Sequence[Chat]) -> Made:
    """What was made of a chat that was to be created, where these were."""

    def difference(row: Row) -> str | None:
        mine = [chat for chat in chats if chat["id"] == row.chat_id]
        if not mine:
            return f"it succeeded, but there is no chat {row.chat_id}"
        wanted = getattr(row.run.action, "user_id", None) or own_user_id(row.run.run_id)
        if mine[0]["userId"] != wanted:
            return f"its chat is that of {mine[0]['userId']}, not of {wanted}"
        return unanswered(mine[0]["messages"], row)

    return Made([len(chats), *(questions(chat["messages"]) for chat in chats)], difference)


def questions(messages: Sequence[Mapping[str, Any]]) -> int:
    """How many of the messages are the user's."""
    return sum(message["role"] == "user" for message in messages)


def unanswered(messages: Sequence[Mapping[str, Any]], row: Row) -> str | None:
    """Why these are not a run's message and the answer to it that the run tells of; ``None`` if they are."""
    if [message["role"] for message in messages] != ["user", "assistant"] or messages[0]["content"] != TEXT:
        return f"it succeeded, but what was said is {[(each['role'], each['content']) for each in messages]}"
    told = (row.result.get("reply") or {}).get("id")
    return None if told == messages[1]["id"] else f"its answer is {messages[1]['id']}, and it tells of {told}"
