"""What the tests of ``/runs`` start, and runs that came to their end before."""

from aichats.bootstrap import Application
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.model import Run
from tests.support.fakes import Json, ai_chat
from tests.support.ledgers import LEASE, dynamodb, make_run

CREATE = {"type": "whop.create_chat", "message_text": "How was the week?", "title": "Week"}
MUTE = {"type": "whop.update_chat", "notification_preference": "none"}
ERROR = {"type": "PermissionDeniedError", "message": "whop: 403: No."}
GONE = "a" * 32


def end(app: Application, status: EndStatus, run: Run | None = None) -> str:
    """A run that came to this end. Gives its id."""
    run = run or make_run()
    row = app.ledger.claim(run, LEASE)
    if status == "succeeded":
        app.ledger.finish(row, status, chat_id="aich_1", result={"chat": ai_chat(id="aich_1")})
    else:
        app.ledger.finish(row, status, error=ERROR)
    return run.run_id


def items(app: Application) -> list[Json]:
    """All that the ledger's table holds."""
    return [dict(item) for item in dynamodb().scan(TableName=app.ledger.table)["Items"]]
