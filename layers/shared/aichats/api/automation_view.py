"""Automations as API clients see and send them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from aichats.api.operation import ApiCall
from aichats.api.pause_view import PauseState, pause_state
from aichats.api.preview_view import FireTime, times_of
from aichats.api.read_only import ReadOnly, written_definition
from aichats.automations.definition_models import AutomationModel, Name, shown_fields
from aichats.automations.last_runs import LastRun
from aichats.automations.model import Automation, ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.aws.errors import AwsError
from aichats.aws.observability import logger
from aichats.json_types import JsonObject

NEXT_TIMES = 5

type View = Annotated[
    Literal["input"] | None,
    Field(description="`input`: only the fields that were sent with PUT, for a comparison with a file"),
]


class AutomationView(PauseState, AutomationModel):
    """An automation with its state, its next times and its last run."""

    name: Name
    next_at: Annotated[
        datetime | None,
        Field(description="The next time; null if there is none, or if the automation listens for events"),
    ]
    next: Annotated[list[FireTime], Field(description="The next times, at most five")]
    last_run: Annotated[LastRun | None, Field(description="The newest runs; null if aichats found none")]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="The time of the last change of the definition or the state")]
    created_by: Annotated[str | None, Field(description="The API client; null if it isn't known")]
    updated_by: Annotated[str | None, Field(description="The API client; null if it isn't known")]
    etag: Annotated[str, Field(description="The version, for `If-Match`")]


class StoredAutomation(AutomationView):
    """An automation as aichats stored it."""

    warnings: Annotated[list[str], Field(description="Possible mistakes in the automation")]


class AutomationInput(RootModel[JsonObject]):
    """The fields of an automation that were sent with PUT, without defaults. In a list, also `name` and `etag`."""


class ShownAutomation(RootModel[AutomationView | AutomationInput]):
    """An automation, or with `view=input` only the fields that were sent."""


class AutomationBody(AutomationModel):
    """An automation as you write it. The read-only fields of the API's answers are ignored, so you can send them back.

    ``name`` must be the name in the path.
    """

    name: ReadOnly = None
    state: ReadOnly = None
    paused: ReadOnly = None
    pauses: ReadOnly = None
    next_at: ReadOnly = None
    next: ReadOnly = None
    last_run: ReadOnly = None
    created_at: ReadOnly = None
    updated_at: ReadOnly = None
    created_by: ReadOnly = None
    updated_by: ReadOnly = None
    etag: ReadOnly = None
    warnings: ReadOnly = None

    def automation(self, name: str) -> Automation:
        """Return the definition, without the read-only fields.

        Raises:
            InputError: the body has another name than the path.
        """
        return written_definition(self, AutomationModel, name, "an automation").plain


def view_all(call: ApiCall[Any, Any], rows: Sequence[AutomationRow]) -> Iterator[AutomationView]:
    """Yield automations as the caller sees them, with the last runs that are found quickly."""
    last_runs = call.app.last_runs.find_each(rows, call.limit.pick)
    return (_view(call, row, last_runs.get(row.name)) for row in rows)


def view_one(call: ApiCall[Any, Any], row: AutomationRow) -> AutomationView:
    """Return an automation as the caller sees it."""
    return _view(call, row, call.app.last_runs.find(row, call.limit.pick))


def view_changed(call: ApiCall[Any, Any], row: AutomationRow) -> AutomationView:
    """Return an automation that the caller has just changed. If its last run can't be read now, it has none."""
    last_runs: dict[str, LastRun] = {}
    try:
        last_runs = call.app.last_runs.find_each([row], call.limit.pick)
    except AwsError as error:
        logger.warning("last run not read", extra={"automation": row.name, "reason": str(error)})
    return _view(call, row, last_runs.get(row.name))


def _view(call: ApiCall[Any, Any], row: AutomationRow, last_run: LastRun | None) -> AutomationView:
    now, trigger = call.app.ledger.clock(), row.automation.trigger
    stack = call.app.stack_pause.pauses(now)
    fires = row.state == "active" and trigger.enabled
    times = list(islice(stack.skip(row.unpaused_slots, now), NEXT_TIMES)) if fires else []
    fields = (
        shown_fields(row.automation)
        | pause_state(row, now, stack)
        | {
            "name": row.name,
            "next_at": next(iter(times), None),
            "next": times_of(trigger, times) if isinstance(trigger, ScheduleTrigger) else [],
            "last_run": last_run,
            "created_at": row.created_at,
            "updated_at": row.changed_at,
            "created_by": row.created_by,
            "updated_by": row.updated_by,
            "etag": row.etag,
        }
    )
    return AutomationView.model_construct(**fields)
