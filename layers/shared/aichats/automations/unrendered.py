"""Runs whose texts cannot be made: noted as failed, and told of."""

from collections.abc import Sequence

from aichats.aws.observability import count_now, logger
from aichats.runs.failures import describe
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run
from aichats.runs.perform import ALARMING
from aichats.templates.render import RenderError


def note(ledger: Ledger, failed: Sequence[tuple[Run, RenderError]]) -> list[str]:
    """Note runs as failed, each with its reason; one that is in the ledger stays as it is. Returns their ids."""
    if not failed:
        return []
    # Before it is written: if the process dies in between, the alarm goes off once too often, never too seldom.
    count_now(ALARMING["failed"], len(failed))
    ledger.add_ended([(run, describe(error)) for run, error in failed], "failed", unrendered=True)
    for run, error in failed:
        logger.error("run failed", extra={"run_id": run.run_id, "automation": run.automation, "error": str(error)})
    return [run.run_id for run, _ in failed]
