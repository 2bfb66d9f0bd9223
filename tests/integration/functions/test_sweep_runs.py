"""The function that looks for stranded runs."""

from datetime import timedelta

import pytest

from aichats.bootstrap import Application
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.stranded import GIVEN_UP
from functions.sweep_runs import app as sweep_runs
from tests.support.fakes import FakeSqs, Json
from tests.support.lambda_calls import make_application, make_context
from tests.support.ledgers import LEASE, Clock, make_run, overdue
from tests.support.output import Output
from tests.support.whop_in_memory import WhopInMemory

RUN = make_run()


@pytest.fixture
def app(sqs: FakeSqs, clock: Clock, monkeypatch: pytest.MonkeyPatch, output: Output) -> Application:
    assert output.text == ""
    app = make_application(WhopInMemory(), clock=clock, sqs=sqs)
    monkeypatch.setattr(sweep_runs, "sweep", app.sweep)
    return app


def sweep() -> Json:
    """Sweep, and return the results for runs; there are no automations."""
    result = dict(sweep_runs.lambda_handler({}, make_context(120)))
    assert (result.pop("missed"), result.pop("repaired")) == (0, 0)
    return result


def status(app: Application) -> str:
    row = app.ledger.get(RUN.run_id)
    assert row is not None
    return row.status


def test_where_nothing_is_stranded_nothing_is_done(app: Application, sqs: FakeSqs, output: Output) -> None:
    app.ledger.add([RUN], lambda _: app.ledger.clock())

    assert sweep() == {"resumed": 0, "ended": 0}
    assert sqs.sent == []
    assert output.counted("Sweeps") == 1


def test_a_run_whose_message_got_lost_is_sent_again_a_minute_after_it_was_due(
    app: Application, sqs: FakeSqs, clock: Clock, output: Output
) -> None:
    app.ledger.add([RUN], lambda _: clock.now)
    clock.forward(seconds=60)
    assert sweep() == {"resumed": 0, "ended": 0}
    clock.forward(seconds=1)

    assert sweep() == {"resumed": 1, "ended": 0}

    assert [(sent.run_id, sent.delay) for sent in sqs.sent] == [(RUN.run_id, 0)]
    assert output.counted("RunsResumed") == 1
    assert [log["run_id"] for log in output.logs if log["message"] == "stranded run sent again"] == [RUN.run_id]


def test_a_run_whose_process_died_is_sent_again_when_it_can_be_settled(
    app: Application, sqs: FakeSqs, clock: Clock
) -> None:
    app.ledger.claim(RUN, LEASE)
    clock.forward(seconds=LEASE.total_seconds() + 60)
    assert sweep()["resumed"] == 0
    clock.forward(seconds=61)

    assert sweep()["resumed"] == 1
    assert [sent.run_id for sent in sqs.sent] == [RUN.run_id]


def test_many_are_sent_as_groups(app: Application, sqs: FakeSqs, clock: Clock) -> None:
    app.ledger.add([make_run(target=f"biz_{number}") for number in range(23)], lambda _: clock.now)
    clock.forward(minutes=5)

    assert sweep() == {"resumed": 23, "ended": 0}
    assert len(sqs.runs) == 23


@pytest.mark.parametrize(
    ("claimed", "ended", "metric"), [(False, "failed", "RunsFailed"), (True, "unknown", "RunsUnknown")]
)
def test_a_run_without_an_end_after_a_day_and_an_hour_is_ended(
    app: Application, sqs: FakeSqs, clock: Clock, output: Output, *, claimed: bool, ended: str, metric: str
) -> None:
    if claimed:
        app.ledger.claim(RUN, LEASE)
    else:
        app.ledger.add([RUN], lambda _: clock.now)
    clock.forward(hours=25)
    assert sweep() == {"resumed": 1, "ended": 0}
    sqs.sent.clear()
    clock.forward(seconds=61)

    assert sweep() == {"resumed": 0, "ended": 1}

    assert status(app) == ended
    assert sqs.sent == []
    assert output.counted(metric) == 1
    assert sweep() == {"resumed": 0, "ended": 0}


def test_a_run_whose_chat_is_known_is_not_ended_as_unknown(app: Application, clock: Clock) -> None:
    app.ledger.record(app.ledger.claim(RUN, LEASE), "aich_1", {})
    clock.forward(hours=12)
    app.ledger.claim(RUN, LEASE)
    clock.forward(hours=14)

    assert sweep() == {"resumed": 0, "ended": 1}
    assert status(app) == "failed"


def test_a_run_that_another_worker_performs_is_left_to_it(
    app: Application, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.ledger.add([RUN], lambda _: clock.now)
    stranded = overdue(app.ledger, clock.now + timedelta(days=9))
    clock.forward(hours=26)
    app.ledger.claim(RUN, LEASE)
    monkeypatch.setattr(type(app.ledger.reads), "overdue", lambda *_, **__: [stranded])

    assert sweep() == {"resumed": 0, "ended": 0}
    assert status(app) == "performing"
    with pytest.raises(LedgerConflictError):
        app.ledger.give_up(stranded[0], "failed", GIVEN_UP)
