"""``POST /automations/{name}/run``: runs an automation now."""

from datetime import UTC, datetime
from http import HTTPStatus

from aichats.api.callers import Caller
from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.routes.runs import StartedRuns
from aichats.api.starting import accept, reserve_key
from aichats.api.stored_automations import NAMED, WRITE_AND_ACT, existing_automation
from aichats.automations.run_factory import as_input_error, by_hand


@operation(
    "POST",
    "/automations/{name}/run",
    "Run an automation now",
    scopes=WRITE_AND_ACT,
    parameters=NAMED,
    answers={202: StartedRuns},
    limited=True,
    idempotent=True,
)
def run_automation(call: ApiCall[None, None]) -> Reply:
    """Run an automation now, in addition to its scheduled runs. A paused automation runs too."""
    row = existing_automation(call)
    call.app.check_action(row.automation.action)
    name, key = row.name, reserve_key(call, f"POST /automations/{row.name}/run")
    occurrence = by_hand(_call_id(call.caller, key), datetime.now(UTC))
    rendered = call.app.run_factory.runs_for(name, row.automation, occurrence)
    for run, error in rendered.failed:
        raise as_input_error(run, error)
    return Reply(StartedRuns(run_ids=accept(call, key, rendered.runs)), HTTPStatus.ACCEPTED)


def _call_id(caller: Caller, key: str) -> str:
    """Return a text that identifies a call of this caller. A colon in the caller's name is escaped."""
    return f"{caller.identity.replace('%', '%25').replace(':', '%3A')}:{key}"
