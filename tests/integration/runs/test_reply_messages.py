"""The messages of watches, in a whole stack: from the create to the reply, beside other messages."""

import threading
from copy import replace
from datetime import timedelta

import httpx
import pytest

from aichats.runs.action import ABRIDGED
from aichats.runs.queue_messages import RunMessage, WatchMessage, body_of
from aichats.runs.reply_watch import FIRST_LOOK, first_watch
from tests.support.automations import scheduled
from tests.support.bulk import BulkBench
from tests.support.fakes import Json, aws_error, error_response
from tests.support.ledgers import ERROR, NOON, item, make_ledger, make_run, stored
from tests.support.stack_in_memory import HOURLY, ONE
from tests.support.waiting import PATIENCE
from tests.support.watching import ANSWERED, AWAITING

RETRIEVE = "GET /api/v1/ai_chats/aich_1"


class ReplyBench(BulkBench):
    """A stack whose runs await replies."""

    def create(self) -> str:
        """Create a chat. Return the id of its run."""
        answer = self.api("POST", "/chats", {"message_text": "Hi", "company_id": "biz_A", "await_reply": True})
        assert answer.status == 201
        return answer.headers["x-run-id"]

    def begin(self, run_id: str) -> WatchMessage:
        """Send the first message of a watch, as the publisher of events does. Return it."""
        message = first_watch(run_id, self.clock.now)
        self.app.queue.send_watch(message, FIRST_LOOK)
        return message

    def reply(self) -> None:
        """Let the agent reply to all chats."""
        for chat in self.whop.chats.values():
            chat.update(message_count=43, blended_token_usage="200.00")

    def queued(self, target: str = "biz_B") -> str:
        """Store a run that is due. Return its message."""
        run = make_run(target=target)
        self.app.ledger.add([run], lambda _: self.clock.now)
        return body_of(RunMessage(run_id=run.run_id))


@pytest.fixture
def bench() -> ReplyBench:
    return ReplyBench()


def reply_in(answer: Json) -> Json:
    return {name: answer[name] for name in ("reply_status", "tokens", "reply_seconds")}


def test_a_chat_is_watched_from_its_create_to_the_reply(bench: ReplyBench) -> None:
    run_id = bench.create()
    assert bench.api("GET", f"/runs/{run_id}").json["reply_status"] == "awaited"
    bench.begin(run_id)
    looks = 0

    def reply_after_two_looks() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            bench.reply()

    bench.run_until_idle(reply_after_two_looks)

    shown = bench.api("GET", f"/runs/{run_id}").json
    assert reply_in(shown) == {"reply_status": "replied", "tokens": "76.55", "reply_seconds": pytest.approx(72, abs=20)}
    assert bench.whop.calls.count(RETRIEVE) == 3


def test_a_look_uses_the_version_and_the_key_of_its_run(bench: ReplyBench) -> None:
    run_id = bench.create()
    created = bench.whop.requests[0]

    assert bench.deliver([body_of(first_watch(run_id, bench.clock.now))]) == []

    look = bench.whop.requests[-1]
    for header in ("api-version-date", "authorization"):
        assert look.headers[header] == created.headers[header]


def test_a_run_of_an_automation_awaits_the_reply_that_its_action_asks_for(bench: ReplyBench) -> None:
    definition = scheduled(HOURLY)
    bench.put(definition | {"action": definition["action"] | {"await_reply": True}, "targets": ["biz_A", "biz_B"]})

    bench.tick(ONE)

    assert [row.await_reply for row in bench.runs] == [True, True]


def test_a_run_that_is_rendered_again_awaits_the_reply_that_its_action_asks_for() -> None:
    ledger = make_ledger(lambda: NOON)
    run = make_run(action=AWAITING)
    ledger.add_ended([(replace(run, action=ABRIDGED[run.action.type]), ERROR)], "failed", unrendered=True)
    assert "await_reply" not in item(ledger, run)

    ledger.steering.open_rendered(stored(ledger, run), run)

    assert stored(ledger, run).await_reply


def test_looks_and_runs_of_a_batch_happen_at_the_same_time(bench: ReplyBench) -> None:
    watch = body_of(first_watch(bench.create(), bench.clock.now))
    other = bench.queued()
    meeting = threading.Barrier(3, timeout=PATIENCE)

    def meet(request: httpx.Request) -> None:
        if request.method == "POST" or request.url.path.endswith("/aich_1"):
            meeting.wait()

    bench.whop.interfere = meet
    before = threading.active_count()

    assert bench.deliver([watch, other, watch]) == []

    assert len(bench.whop.chats) == 2
    assert threading.active_count() <= before


def test_a_look_whose_code_crashes_gives_its_message_back_and_touches_no_run(bench: ReplyBench) -> None:
    watch = body_of(first_watch(bench.create(), bench.clock.now))
    bench.whop.interfere = lambda request: ZeroDivisionError("a bug") if request.method == "GET" else None

    assert bench.deliver([bench.queued(), watch]) == ["1"]

    assert len(bench.whop.chats) == 2


def test_a_look_whose_next_message_sqs_rejects_gives_its_message_back(bench: ReplyBench) -> None:
    watch = body_of(first_watch(bench.create(), bench.clock.now))
    bench.sqs.down = aws_error("ServiceUnavailable")

    assert bench.deliver([watch]) == ["0"]


def test_a_look_is_done_although_the_stack_is_paused(bench: ReplyBench) -> None:
    run_id = bench.create()
    assert bench.api("POST", "/pause", {}).status == 200
    bench.reply()

    assert bench.deliver([body_of(first_watch(run_id, bench.clock.now)), bench.queued()]) == []

    assert bench.row_of(run_id).replied_at == bench.clock.now
    assert len(bench.whop.chats) == 1


def test_a_watch_ends_after_the_minutes_of_the_stack() -> None:
    bench = ReplyBench()
    bench.app.environment = {**bench.app.environment, "REPLY_WATCH_MINUTES": "3"}
    run_id = bench.create()
    begun = bench.begin(run_id).began_at

    bench.run_until_idle()

    assert bench.row_of(run_id).reply_overdue_at == begun + timedelta(minutes=3)


def test_a_look_that_whop_throttles_waits_longer_than_whop_says(bench: ReplyBench) -> None:
    watch = body_of(first_watch(bench.create(), bench.clock.now))
    bench.whop.interfere = lambda _: error_response(429, "Try again in 300 seconds.")

    assert bench.deliver([watch]) == []

    [sent] = bench.sqs.sent
    assert 300 < sent.delay < 330
    bench.whop.interfere = lambda _: None
    bench.whop.chats["aich_1"] |= ANSWERED
    bench.run_until_idle()
    assert bench.runs[0].replied_at is not None
