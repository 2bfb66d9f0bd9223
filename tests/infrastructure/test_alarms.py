"""What an operator is told: when, and what to do then."""

import re
from typing import Any

import pytest

from tests.template import ROOT, load_template

RESOURCES: dict[str, dict[str, Any]] = load_template()["Resources"]
ALARMS = {
    name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == "AWS::CloudWatch::Alarm"
}
PAGE = "docs/operations.md"
HEADINGS = re.findall(r"^#+ .*$", (ROOT / PAGE).read_text(), re.MULTILINE)

HOUR = 3600
WHOP_TRIES_FOR = 71 * HOUR
"""For so long Whop delivers again. Then it switches the webhook off."""


def test_a_wrong_secret_is_told_while_whop_still_delivers_and_strangers_alone_tell_nothing() -> None:
    alarm = ALARMS["DeliveriesUnverifiedAlarm"]

    # The least of values that are 0 for each delivery that was verified (tests/unit/api/test_webhooks.py), and else 1.
    assert (alarm["MetricName"], alarm["Statistic"]) == ("DeliveriesUnverified", "Minimum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")
    # Long enough for a stack that few webhooks come to, and with time left to mend it.
    assert HOUR <= alarm["Period"] <= WHOP_TRIES_FOR / 10


@pytest.mark.parametrize("name", ALARMS)
def test_each_alarm_points_to_the_page_that_says_what_to_do_and_the_page_has_it_once(name: str) -> None:
    assert ALARMS[name]["AlarmDescription"].endswith(f" See {PAGE}.")
    assert len(ALARMS[name]["AlarmDescription"]) <= 1024
    assert len([heading for heading in HEADINGS if f"`{name}`" in heading]) == 1


def test_the_page_names_no_alarm_that_is_not_there() -> None:
    assert set(re.findall(r"`(\w+Alarm)`", (ROOT / PAGE).read_text())) == ALARMS.keys()
