"""Runs are performed each for itself, within the time that is left."""

import sys
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from aichats.bootstrap import Application
from aichats.errors import APITimeoutError, InputError, NotFoundError, OutcomeUnknownError, RunsFailedError
from aichats.http import retry
from aichats.http.deadline import remaining, time_limit
from aichats.observability import metrics
from aichats.runs.model import Run, WhopCreateChat, WhopUpdateChat
from aichats.runs.perform import AT_ONCE, perform, perform_all
from tests.fakes import ScriptedTransport, Step, ai_chat, ok, refused
from tests.lambda_calls import make_application
from tests.whop_in_memory import WhopInMemory

CREATE = WhopCreateChat(type="whop.create_chat", message_text="How was the week?")
MUTE = WhopUpdateChat(type="whop.update_chat", notification_preference="none")


@pytest.fixture(autouse=True)
def _one_attempt_and_no_metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
    metrics.clear_metrics()
    yield
    metrics.clear_metrics()


def run(target: str | None = "biz_A", action: WhopCreateChat | WhopUpdateChat = CREATE) -> Run:
    return Run(run_id=f"run-of-{target}", trigger="schedule", action=action, target=target)


def runs(count: int) -> list[Run]:
    return [run(f"biz_{number}") for number in range(count)]


def refusing(company: str, step: Step) -> Callable[[httpx.Request], Step | None]:
    return lambda request: step if f'"{company}"'.encode() in request.content else None


def counted(name: str) -> float:
    values: list[float] = metrics.metric_set[name]["Value"]
    return sum(values)


@pytest.fixture
def whop() -> WhopInMemory:
    return WhopInMemory(ai_chat(id="aich_seen"))


@pytest.fixture
def app(whop: WhopInMemory) -> Application:
    return make_application(whop)


def test_a_create_gives_the_chat_and_is_counted(app: Application, whop: WhopInMemory) -> None:
    chat = perform(run(), app.whop)

    assert whop.chats[chat.id]["current_company_id"] == "biz_A"
    assert (counted("RunsSucceeded"), counted("RunsFailed")) == (1, 0)


def test_an_update_changes_the_chat_that_is_its_target(app: Application, whop: WhopInMemory) -> None:
    chat = perform(run("aich_seen", MUTE), app.whop)

    assert chat.notification_preference == "none"
    assert whop.calls == ["PATCH /api/v1/ai_chats/aich_seen"]
    assert whop.bodies == [{"notification_preference": "none"}]


def test_an_update_that_moves_a_chat_uses_the_credential_of_its_new_company(
    app: Application, whop: WhopInMemory
) -> None:
    perform(run("aich_seen", WhopUpdateChat(type="whop.update_chat", company_id="biz_own")), app.whop)

    assert whop.requests[0].headers["authorization"] == "Bearer whop-key-of-biz-own"


def test_a_run_that_fails_is_named_by_its_error_and_counted(app: Application) -> None:
    with pytest.raises(NotFoundError) as caught:
        perform(run("aich_gone", MUTE), app.whop)

    assert caught.value.run_id == "run-of-aich_gone"
    assert (counted("RunsSucceeded"), counted("RunsFailed")) == (0, 1)


def test_a_run_is_not_begun_when_no_time_is_left(app: Application, whop: WhopInMemory) -> None:
    with time_limit(0.0), pytest.raises(APITimeoutError, match="not begun"):
        perform(run(), app.whop)

    assert whop.requests == []


def test_chats_come_in_the_order_of_the_runs(app: Application, whop: WhopInMemory) -> None:
    chats = perform_all(runs(30), app.whop)

    assert [whop.chats[chat.id]["current_company_id"] for chat in chats] == [f"biz_{number}" for number in range(30)]


def test_as_many_runs_as_allowed_are_performed_at_once_and_no_thread_stays(
    app: Application, whop: WhopInMemory
) -> None:
    meeting = threading.Barrier(AT_ONCE, timeout=20)
    threads = set()

    def meet(_: httpx.Request) -> None:
        threads.add(threading.get_ident())
        meeting.wait()

    whop.interfere = meet
    before = threading.active_count()

    perform_all(runs(AT_ONCE * 3), app.whop)

    assert len(whop.requests) == AT_ONCE * 3
    assert len(threads) == AT_ONCE
    assert threading.active_count() == before


def test_one_that_fails_touches_no_other_and_is_named(app: Application, whop: WhopInMemory) -> None:
    whop.interfere = refusing("biz_1", refused(403, "No."))

    with pytest.raises(RunsFailedError) as caught:
        perform_all(runs(3), app.whop)

    assert [(run_id, target) for run_id, target, _ in caught.value.failures] == [("run-of-biz_1", "biz_1")]
    assert str(caught.value).startswith("1 of 3 runs failed: run run-of-biz_1 for biz_1: PermissionDeniedError: ")
    assert len(whop.chats) == 3
    assert (counted("RunsSucceeded"), counted("RunsFailed")) == (2, 1)


def test_a_single_run_that_fails_is_named_in_the_same_way(app: Application, whop: WhopInMemory) -> None:
    whop.interfere = refusing("biz_A", httpx.ReadTimeout("slow"))

    with pytest.raises(
        RunsFailedError, match=r"1 of 1 runs failed: run run-of-biz_A for biz_A: OutcomeUnknown"
    ) as caught:
        perform_all([run()], app.whop)

    assert isinstance(caught.value.failures[0][2], OutcomeUnknownError)


def test_bad_input_that_shows_late_fails_its_run(app: Application, whop: WhopInMemory) -> None:
    action = WhopCreateChat(type="whop.create_chat", message_text="hello", agent_identifier="support")

    with pytest.raises(RunsFailedError) as caught:
        perform_all([run(action=action)], app.whop)

    assert isinstance(caught.value.failures[0][2], InputError)
    assert whop.requests == []


@pytest.mark.parametrize("count", [1, 3])
def test_what_nobody_expected_is_not_taken_for_a_failed_run(app: Application, whop: WhopInMemory, count: int) -> None:
    whop.interfere = refusing("biz_0", ZeroDivisionError("a bug"))

    with pytest.raises(ZeroDivisionError):
        perform_all(runs(count), app.whop)

    assert len(whop.requests) == count


def test_the_deadline_holds_in_every_thread(app: Application, whop: WhopInMemory) -> None:
    left: list[float] = []
    whop.interfere = lambda _: left.append(remaining(default=1000.0))

    with time_limit(5.0):
        perform_all(runs(20), app.whop)

    assert len(left) == 20
    assert max(left) <= 5.0


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    """Threads take turns so often that whatever can go wrong between them does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_eager_threads")
def test_metrics_of_many_runs_are_neither_lost_nor_counted_twice(app: Application, whop: WhopInMemory) -> None:
    whop.interfere = lambda request: refused(403) if b"biz_1" in request.content else None

    with pytest.raises(RunsFailedError):
        perform_all(runs(200), app.whop)

    assert (counted("RunsSucceeded"), counted("RunsFailed")) == (89, 111)


def test_a_mute_that_fails_leaves_the_chat_in_the_error() -> None:
    app = make_application(ScriptedTransport(ok(ai_chat(id="aich_9")), refused(500)))
    action = CREATE.model_copy(update={"notification_preference": "none"})

    with pytest.raises(RunsFailedError) as caught:
        perform_all([run(action=action)], app.whop)

    assert getattr(caught.value.failures[0][2], "chat_id", None) == "aich_9"
