"""Runs whose texts cannot be made: noted as failed, and told of."""

from collections.abc import Iterable

from aichats.automations.render import RenderError
from aichats.observability import count_now, logger
from aichats.runs.failures import describe
from aichats.runs.ledger import Ledger
from aichats.runs.model import Run
from aichats.runs.perform import ALARMING


def note(ledger: Ledger, failed: Iterable[tuple[Run, RenderError]]) -> list[str]:
    """Note runs as failed, each with its reason; one that is in the ledger stays as it is. Returns their ids."""
    ids = []
    for run, error in failed:
        # Before it is written: if the process dies in between, the alarm goes off once too often, never too seldom.
        count_now(ALARMING["failed"])
        ledger.note([run], "failed", describe(error), unrendered=True)
        logger.error("run failed", extra={"run_id": run.run_id, "automation": run.automation, "error": str(error)})
        ids.append(run.run_id)
    return ids
