"""The story of a run in plain sentences: why it started, what happened, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aichats_cli.runs.advice import provider_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aichats_cli.models import LoggedCallView, RunDetails, RunView

ACTIONS = {
    "whop.create_chat": "create a Whop chat",
    "whop.update_chat": "change a Whop chat",
    "kodey.create_chat": "create a Kodey chat",
    "kodey.send_message": "send a message to a Kodey chat",
}
"""The work of each action, in words."""
NEXT_CHECK = ". aichats checks at "
"""The beginning of the part of a message that says what :attr:`Story.outlook` says too."""
MAX_ATTEMPTS = 8
"""The maximum number of attempts that reach the provider."""

SECOND = 1000
"""Milliseconds."""


@dataclass(frozen=True)
class Moment:
    """A sentence about something that happened at a time of the API."""

    at: str
    text: str


@dataclass(frozen=True)
class Story:
    """The story of a run.

    Attributes:
        when: returns a time of the API as people read it.
        now: the time.
    """

    run: RunDetails
    when: Callable[[str | None], str]
    now: datetime

    @property
    def title(self) -> str:
        """A sentence with the run and its status."""
        run = self.run
        owner = f" of {run['automation']}" if run["automation"] else ""
        return f"Run {run['run_id']}{owner} {state_of(run)}."

    @property
    def moments(self) -> list[Moment]:
        """The events of the run, oldest first."""
        later = [*map(self._call, self.run["attempts_log"]), *self._endings()]
        later.sort(key=lambda moment: datetime.fromisoformat(moment.at))
        return [Moment(self.run["created_at"], self._beginning()), *later]

    @property
    def outlook(self) -> str:
        """The next step of aichats, and its time."""
        run = self.run
        match run["status"]:
            case "pending":
                return self._wait()
            case "performing":
                return "A function performs it now."
            case "succeeded":
                return self._reply()
            case "unknown":
                return "aichats doesn't know whether it was done, and does nothing more until you decide."
            case "missed" | "skipped":
                return "aichats performs it only if you replay it."
            case _:
                return "aichats does nothing more with it."

    def _beginning(self) -> str:
        run = self.run
        stored = f"aichats stored this run: {work_of(run)}."
        match run["trigger"]:
            case "schedule" if run["status"] == "missed" or (run["error"] or {}).get("type") == "Missed":
                return f"The schedule did not fire for the slot {self.when(run['slot'])}, so {stored}"
            case "schedule":
                return f"The schedule fired for the slot {self.when(run['slot'])}, and {stored}"
            case "webhook":
                return f"An event of Whop's webhook started {run['automation']}, and {stored}"
            case _:
                done = f"ran {run['automation']} by hand" if run["automation"] else "requested it"
                return f"An API client {done}, and {stored}"

    def _call(self, call: LoggedCallView) -> Moment:
        provider = provider_of(self.run).capitalize()
        answer = (
            f"{provider} answered {status_text(call['status'])}" if call["status"] else f"{provider} did not answer"
        )
        times = f" {call['times']} times" if call["times"] > 1 else ""
        request = f" (request {call['request_id']})" if call["request_id"] else ""
        return Moment(call["at"], f"{call['call']}: {answer}{times}, in {seconds_text(call['milliseconds'])}{request}.")

    def _endings(self) -> Iterator[Moment]:
        run = self.run
        if run["finished_at"] and run["status"] != "missed":
            yield Moment(run["finished_at"], ending(run))
        if run["replied_at"]:
            took = f" after {seconds_text(run['reply_seconds'] * 1000)}" if run["reply_seconds"] is not None else ""
            yield Moment(run["replied_at"], f"The agent replied{took}.")
        if run["reply_overdue_at"]:
            reason = run["reply_overdue_reason"] or "its time was over"
            yield Moment(run["reply_overdue_at"], f"aichats stopped waiting for the agent's reply: {reason}.")

    def _wait(self) -> str:
        run = self.run
        error = run["error"] or {}
        message = str(error.get("message", "")).partition(NEXT_CHECK)[0]
        reason = f"It waits: {sentence(message)}" if message else "It waits for its turn."
        due_at = run["due_at"]
        if due_at is None or datetime.fromisoformat(due_at) <= self.now:
            then = "It is due now, so aichats continues within seconds, unless the stack is paused."
        else:
            then = f"aichats continues at {self.when(due_at)}. You don't need to do anything."
        provider = provider_of(run).capitalize()
        tries = f" {run['attempts']} of at most {MAX_ATTEMPTS} attempts reached {provider}." if run["attempts"] else ""
        return f"{reason}{tries} {then}"

    def _reply(self) -> str:
        awaited = self.run["reply_status"] == "awaited"
        return "It is done. aichats watches the chat until the agent replies." if awaited else "It is done."


def state_of(run: RunView | RunDetails) -> str:
    """Return the status as the end of a sentence about the run."""
    verbs = {"succeeded": "succeeded", "failed": "failed", "performing": "is being performed", "pending": "waits"}
    others = {"unknown": "has an unknown outcome", "missed": "was missed"}
    return {**verbs, **others}.get(run["status"], f"was {run['status']}")


def work_of(run: RunView | RunDetails) -> str:
    """Return what a run does, such as `create a Whop chat for biz_A`."""
    work = ACTIONS.get(run["action"], run["action"])
    return f"{work} for {run['target']}" if run["target"] else work


def ending(run: RunView | RunDetails) -> str:
    """Return how a run ended, as a sentence."""
    reason = (run["error"] or {}).get("message")
    if run["status"] == "succeeded":
        return f"It succeeded. The chat is {run['chat_id']}." if run["chat_id"] else "It succeeded."
    text = {"failed": "It failed", "unknown": "It ended with an unknown outcome"}.get(
        run["status"], f"It was {run['status']}"
    )
    return f"{text}: {sentence(reason)}" if reason else f"{text}."


def sentence(text: object) -> str:
    """Return a text with a period at its end."""
    return f"{str(text).rstrip('.')}."


def status_text(status: int) -> str:
    """Return an HTTP status with its name, such as `422 Unprocessable Entity`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def seconds_text(milliseconds: float) -> str:
    """Return a duration, such as `35 ms` or `12.5 s`."""
    return f"{milliseconds:.0f} ms" if milliseconds < SECOND else f"{milliseconds / SECOND:.1f} s"
