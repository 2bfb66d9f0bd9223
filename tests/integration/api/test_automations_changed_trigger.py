"""PUT warns about the slots that aichats had not checked before the trigger changed."""

from datetime import UTC, datetime, timedelta

from aichats.api.app import create_api
from aichats.runs.ledger.times import to_text
from aichats.runs.model import slot_text
from tests.support.automations import FakeScheduler, listening, scheduled
from tests.support.lambda_calls import HttpCaller, make_application
from tests.support.ledgers import dynamodb
from tests.support.whop_in_memory import WhopInMemory

PATH = "/automations/weekly"


def test_a_put_that_changes_the_trigger_names_the_slots_that_were_not_checked(scheduler: FakeScheduler) -> None:
    app = make_application(WhopInMemory(), scheduler=scheduler)
    api = HttpCaller(create_api(app).resolve)
    slot = (datetime.now(UTC) - timedelta(minutes=3)).replace(microsecond=0)
    assert not api("PUT", PATH, scheduled("rate(1 day)", start=slot.isoformat())).json.get("warnings")
    dynamodb().update_item(
        TableName=app.automation_table.table,
        Key={"name": {"S": "weekly"}},
        UpdateExpression="SET checked_until = :before",
        ExpressionAttributeValues={":before": {"S": to_text(slot - timedelta(minutes=1))}},
    )

    [warning] = api("PUT", PATH, scheduled("rate(2 days)")).json["warnings"]

    assert slot_text(slot) in warning
    assert "does not report" in warning


def test_a_webhook_whose_text_fails_for_every_event_is_accepted(scheduler: FakeScheduler) -> None:
    api = HttpCaller(create_api(make_application(WhopInMemory(), scheduler=scheduler)).resolve)

    assert api("PUT", PATH, listening(filter="abs(type)")).status == 201
