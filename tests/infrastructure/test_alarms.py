"""Tests of the alarms: when they go off, and that the documentation says what to do."""

import re
from typing import Any

import pytest

from aichats.runs.perform import ALARMING
from aichats.runs.queue import MAX_DELAY
from local.setup import ROOT
from tests.support.template import CODE, METRIC_DIMENSIONS, load_template, of_type

TEMPLATE = load_template()
ALARMS = of_type("AWS::CloudWatch::Alarm")
FUNCTIONS = of_type("AWS::Serverless::Function")
TABLES = of_type("AWS::DynamoDB::Table")
SCHEDULES = of_type("AWS::Scheduler::Schedule")
SCHEDULED = {schedule["Target"]["Arn"]["Fn::GetAtt"][0] for schedule in SCHEDULES.values()}
"""Functions that schedules invoke, which is asynchronous."""
TOPIC = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AlarmTopic"}]}
PAGE = "docs/operations/by-alarm.md"
HEADINGS = re.findall(r"^(?:#+ |Alarms: ).*$", (ROOT / PAGE).read_text(), re.MULTILINE)
"""The headings, and the lines below a heading that name the alarms of its section."""

HOUR = 3600
WHOP_TRIES_FOR = 71 * HOUR
"""Seconds for which Whop retries a delivery before it turns the webhook off."""


def watching(metric: str) -> list[Any]:
    """Return the values of the first dimension of all alarms on a metric."""
    return [alarm["Dimensions"][0]["Value"] for alarm in ALARMS.values() if alarm["MetricName"] == metric]


def test_a_wrong_secret_raises_an_alarm_while_whop_still_retries_and_unsigned_requests_alone_do_not() -> None:
    alarm = ALARMS["DeliveriesUnverifiedAlarm"]

    # The minimum of 0 for each valid delivery and 1 for each invalid one.
    assert (alarm["MetricName"], alarm["Statistic"]) == ("DeliveriesUnverified", "Minimum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")
    # Long enough for a stack with few webhooks, and short enough to leave time to fix it.
    assert HOUR <= alarm["Period"] <= WHOP_TRIES_FOR / 10


@pytest.mark.parametrize("name", ALARMS)
def test_each_alarm_names_the_page_with_instructions_and_the_page_has_one_section_for_it(name: str) -> None:
    assert ALARMS[name]["AlarmDescription"].endswith(f" See {PAGE}.")
    assert len(ALARMS[name]["AlarmDescription"]) <= 1024
    assert len([heading for heading in HEADINGS if f"`{name}`" in heading]) == 1


def test_the_page_names_no_unknown_alarm() -> None:
    assert set(re.findall(r"`(\w+Alarm)`", (ROOT / PAGE).read_text())) == ALARMS.keys()


def test_the_metrics_that_alarms_watch_are_counted_by_the_code() -> None:
    ours = {alarm["MetricName"] for alarm in ALARMS.values() if alarm["Namespace"] == "aichats"}
    assert ours >= {*ALARMING.values(), "RunsMissed"}
    for metric in ours - set(ALARMING.values()):
        assert f'("{metric}"' in CODE
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == {
        "Ref": "AWS::StackName"
    }


@pytest.mark.parametrize(
    "metric",
    [
        "RunsMissed",
        "DeliveriesNotTaken",
        "DeliveriesRefused",
        "InternalErrors",
        "RepairsFailed",
        "AutomationsUnreadable",
    ],
)
def test_what_needs_a_person_raises_an_alarm_at_the_first_occurrence(metric: str) -> None:
    [alarm] = [alarm for alarm in ALARMS.values() if alarm["MetricName"] == metric]
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == ("Sum", "GreaterThanThreshold", 0)
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")


def test_a_webhook_that_sends_too_little_is_reported_until_a_check_finds_no_problem() -> None:
    alarm = ALARMS["WebhookProblemAlarm"]
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == ("Sum", "GreaterThanThreshold", 0)
    # Checks are an hour apart. Each counts its problems, or 0.
    assert alarm["TreatMissingData"] == "ignore"
    assert "aichats admin webhook --stack " in alarm["AlarmDescription"]


def test_missing_sweeps_are_reported_but_not_before_the_first_sweep() -> None:
    alarm = ALARMS["NoSweepsAlarm"]
    sweep = SCHEDULES["SweepRunsFunctionSweep"]
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "SweepRunsFunction"}}]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("Invocations", "Sum")
    # A new alarm begins as INSUFFICIENT_DATA and reports only changes. With "breaching", each first deploy raises it.
    assert alarm["TreatMissingData"] == "missing"
    assert alarm["InsufficientDataActions"] == alarm["AlarmActions"]
    # A sweep that is late, or that Scheduler retries, does not raise it.
    assert sweep["ScheduleExpression"] == "rate(5 minutes)"
    assert alarm["Period"] * alarm["EvaluationPeriods"] >= 3 * 300


def test_a_silence_that_the_schedules_do_not_explain_is_reported_even_if_no_code_runs() -> None:
    alarm = ALARMS["NoEventsAlarm"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("EventsOverdue", "Maximum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 15 * 60)
    # Without sweeps there is no metric.
    assert alarm["TreatMissingData"] == "missing"
    assert alarm["InsufficientDataActions"] == alarm["AlarmActions"]
    assert alarm["Period"] * alarm["EvaluationPeriods"] >= 3 * 300


def test_changes_that_wait_to_be_published_are_watched_by_aws_itself() -> None:
    alarm = ALARMS["PublishEventsAgeAlarm"]
    assert watching("IteratorAge") == [{"Ref": "PublishEventsFunction"}]
    assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == ("AWS/Lambda", "Maximum", 5 * 60 * 1000)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SCHEDULED))
def test_errors_of_a_function_without_a_queue_for_failures_are_watched(name: str) -> None:
    watched = [
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in ALARMS.values()
        if (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    ]

    assert watched.count(name) == 1


@pytest.mark.parametrize("name", ALARMS)
def test_each_alarm_watches_a_dimension_that_its_namespace_has_and_reports_to_the_topic(name: str) -> None:
    alarm = ALARMS[name]
    first, *others = [dimension["Name"] for dimension in alarm["Dimensions"]]
    assert first == METRIC_DIMENSIONS[alarm["Namespace"]]
    assert others in ([], ["GlobalSecondaryIndexName"] if first == "TableName" else [])
    assert alarm["AlarmActions"] == [TOPIC]


def test_there_is_always_a_topic_which_an_output_names_and_a_parameter_replaces() -> None:
    assert TEMPLATE["Conditions"]["HasAlarmTopic"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}
    assert TEMPLATE["Conditions"]["NeedsAlarmTopic"] == {"Fn::Not": [{"Condition": "HasAlarmTopic"}]}
    assert TEMPLATE["Resources"]["AlarmTopic"]["Condition"] == "NeedsAlarmTopic"
    assert TEMPLATE["Outputs"]["AlarmTopic"]["Value"] == TOPIC
    mail = TEMPLATE["Resources"]["AlarmEmailSubscription"]
    assert (mail["Condition"], mail["Properties"]["TopicArn"]) == ("HasAlarmEmail", TOPIC)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_throttles_of_each_function_are_watched(name: str) -> None:
    assert watching("Throttles").count({"Ref": name}) == 1


@pytest.mark.parametrize("name", sorted(SCHEDULED))
def test_dropped_events_of_each_asynchronously_invoked_function_are_watched(name: str) -> None:
    assert watching("AsyncEventsDropped").count({"Ref": name}) == 1


def test_the_age_of_each_queue_is_watched_and_may_be_as_long_as_the_longest_wait() -> None:
    names = ("RunQueue", "SlowRunQueue", "DeliveryQueue", "SlowDeliveryQueue")
    queues = [{"Fn::GetAtt": [queue, "QueueName"]} for queue in names]
    assert watching("ApproximateAgeOfOldestMessage") == queues
    for name in names:
        assert ALARMS[f"{name}AgeAlarm"]["Threshold"] > MAX_DELAY.total_seconds()


@pytest.mark.parametrize("kind", ["Read", "Write"])
def test_throttles_of_each_table_and_of_each_index_are_watched(kind: str) -> None:
    expected: list[list[Any]] = []
    for name, table in TABLES.items():
        dimension = {"Name": "TableName", "Value": {"Ref": name}}
        expected.append([dimension])
        expected += [
            [dimension, {"Name": "GlobalSecondaryIndexName", "Value": index["IndexName"]}]
            for index in table.get("GlobalSecondaryIndexes", [])
        ]
    watched = [alarm["Dimensions"] for alarm in ALARMS.values() if alarm["MetricName"] == f"{kind}ThrottleEvents"]
    assert sorted(watched, key=str) == sorted(expected, key=str)


def test_errors_of_api_gateway_are_watched() -> None:
    assert watching("5xx") == [{"Ref": "HttpApi"}]


def test_a_sweep_that_uses_nearly_all_of_its_time_is_watched() -> None:
    alarm, timeout = ALARMS["SlowSweepsAlarm"], FUNCTIONS["SweepRunsFunction"]["Timeout"]
    assert watching("Duration") == [{"Ref": "SweepRunsFunction"}]
    assert 0.75 * timeout * 1000 < alarm["Threshold"] < timeout * 1000


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if "RecursiveLoop" in function])
def test_stopped_recursion_of_a_function_that_allows_it_is_watched(name: str) -> None:
    assert watching("RecursiveInvocationsDropped").count({"Ref": name}) == 1
