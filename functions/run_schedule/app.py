"""A schedule fired: perform its action on each target. An event that is wrong, or a run that fails, raises."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.bootstrap import application
from aichats.http.deadline import time_limit
from aichats.observability import count, logger, metrics
from aichats.runs.model import ScheduleEvent, scheduled_runs
from aichats.runs.perform import perform_all
from aichats.validation import parse

MARGIN_SECONDS = 2.0
"""Kept back from Lambda's own limit, to say what happened."""

app = application()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Perform the event's runs.

    Returns:
        ``{"runs": [{"run_id", "chat_id"}]}`` in the order of the targets.

    Raises:
        InputError: the event is wrong; nothing was done.
        AichatsError: a run failed. The event then goes to the queue of failures.
    """
    count("Events")
    runs = scheduled_runs(parse(ScheduleEvent, event, max_message_bytes=app.settings.max_message_bytes))
    with time_limit(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS):
        chats = perform_all(runs, app.whop)
    return {"runs": [{"run_id": run.run_id, "chat_id": chat.id} for run, chat in zip(runs, chats, strict=True)]}
