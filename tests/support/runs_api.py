"""Actions and ended runs for the tests of ``/runs``."""

from aichats.bootstrap import Application
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.model import Run
from tests.support.fakes import Json, ai_chat
from tests.support.ledgers import LEASE, dynamodb, make_run

CREATE = {"type": "whop.create_chat", "message_text": "How was the week?", "title": "Week"}
MUTE = {"type": "whop.update_chat", "notification_preference": "none"}
ERROR = {"type": "PermissionDeniedError", "message": "whop: 403: No."}


def end(app: Application, status: EndStatus, run: Run | None = None) -> str:
    """Store a run with this outcome, and return its id."""
    run = run or make_run()
    row = app.ledger.claim(run, LEASE)
    if status == "succeeded":
        app.ledger.finish(row, status, chat_id="aich_1", result={"chat": ai_chat(id="aich_1")})
    else:
        app.ledger.finish(row, status, error=ERROR)
    return run.run_id


def items(app: Application) -> list[Json]:
    """Return all items of the ledger's table, except those with the last use of a caller."""
    found = dynamodb().scan(TableName=app.ledger.table)["Items"]
    return [dict(item) for item in found if "used_at" not in item]
