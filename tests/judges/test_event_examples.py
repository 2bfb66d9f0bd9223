"""Whop's own clients decide whether the example of an event looks like an event of Whop."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aichats.whop.event_examples import example_event
from aichats.whop.webhooks import known_event_types
from local.setup import TOOLS
from tests.support.commands import run_command

SCRIPT = Path(__file__).with_name("sdk_events.py")
NEW, OLD = "whop-sdk-2", "whop-sdk-0"
AS_OTHERS = {
    "ad.created": "ad.updated",
    "ad_campaign.created": "ad_campaign.updated",
    "ad_campaign.events": "ad_campaign.updated",
    "ad_group.created": "ad_group.updated",
    "membership.deactivated": "membership.updated",
    "membership.cancel_at_period_end_changed": "membership.updated",
}
"""Events without a model in the client, each with the event whose model has the same data."""
DATA_ONLY = {
    "identity_profile.approved": (NEW, "types.identity_profile", "IdentityProfile"),
    "identity_profile.rejected": (NEW, "types.identity_profile", "IdentityProfile"),
    "identity_profile.needs_action": (NEW, "types.identity_profile", "IdentityProfile"),
    "withdrawal.created": (OLD, "types.withdrawal", "Withdrawal"),
    "withdrawal.updated": (OLD, "types.withdrawal", "Withdrawal"),
    "withdrawal.reversed": (OLD, "types.withdrawal", "Withdrawal"),
}
"""Events without such a model. A client has a model of their data."""


def check_of(event_type: str) -> tuple[str, dict[str, Any]]:
    """Return the client that knows an event, and the check for it."""
    example = example_event(event_type, datetime(2026, 11, 20, 22, tzinfo=UTC))
    if event_type in DATA_ONLY:
        client, module, model = DATA_ONLY[event_type]
        return client, {"module": module, "class": model, "value": example["data"]}
    name = "post_" + AS_OTHERS.get(event_type, event_type).replace(".", "_") + "_payload"
    [file] = (TOOLS / NEW).glob(f"lib/python3*/site-packages/whop_sdk/*/types/{name}.py")
    path = f"{file.parent.parent.name}.types.{name}"
    return NEW, {"module": path, "class": name.title().replace("_", ""), "value": example}


@pytest.mark.parametrize("client", [NEW, OLD])
def test_whops_client_reads_each_example_and_knows_all_its_fields(client: str) -> None:
    python = TOOLS / client / "bin" / "python"
    if not (python.exists() and (TOOLS / NEW).exists()):
        pytest.skip(f"{client} is not installed: run `make setup`")
    checks = {name: check for name in sorted(known_event_types()) for by, check in [check_of(name)] if by == client}
    result = run_command(python, SCRIPT, input=json.dumps(list(checks.values())), env={})
    assert result.returncode == 0, result.stderr
    judgments = dict(zip(checks, json.loads(result.stdout), strict=True))
    assert {name: judgment for name, judgment in judgments.items() if judgment["unknown"] or judgment["error"]} == {}
    assert judgments
