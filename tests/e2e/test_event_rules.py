"""Rules on the stack's event bus, as the how-to pages write them: Slack and SNS get the events of failed runs."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.cloud.build import Template
from local.setup import ROOT
from local.system import System
from tests.support.commands import run_command
from tests.support.markdown import DOCS
from tests.support.mock_servers import AI_CHATS, Json, MockServer
from tests.support.running_automations import company
from tests.support.template import load_template
from tests.support.waiting import until

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, WaiterConfigTypeDef

CFN_LINT = ROOT / ".tools" / "sam" / "bin" / "cfn-lint"
PAGES = ["slack-with-eventbridge", "events-to-sns"]
SLACK_URL = "https://hooks.slack.com/services/T0/B0/x"


def text_of(page: str) -> str:
    """Return the CloudFormation template of a page."""
    (block,) = re.findall(
        r"^ {3}```yaml\n(.*?)^ {3}```$", (DOCS / "how-to" / f"{page}.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return textwrap.dedent(block)


def template_of(page: str) -> dict[str, Any]:
    """Return the CloudFormation template of a page as data."""
    template: dict[str, Any] = Template(text_of(page)).get_single_data()
    return template


@contextmanager
def deployed(system: System, name: str, template: Json, **parameters: str) -> Iterator[None]:
    """Deploy a template beside the stack of aichats for the ``with`` block."""
    client = system.emulator.clients.cloudformation
    given = {"EventBus": system.stack.outputs["EventBus"], **parameters}
    client.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    wait: WaiterConfigTypeDef = {"Delay": 1, "MaxAttempts": 60}
    try:
        client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=wait)
        yield
    finally:
        client.delete_stack(StackName=name)
        client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=wait)


def failed_run(system: System, whop: MockServer) -> Json:
    """Let a run of a schedule fail, and return it."""
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": "status:403"})
    target = company()
    event = {
        "automation": f"rules-{target.lower().replace('_', '-')}",
        "scheduled_time": "2026-11-30T09:00:00Z",
        "action": {"type": "whop.create_chat", "message_text": "Hello"},
        "targets": [target],
    }
    (run,) = system.invoke("RunScheduleFunction", event)["runs"]
    return {"target": target, "run_id": run["run_id"], "automation": event["automation"]}


@pytest.mark.parametrize("page", PAGES)
def test_the_template_of_a_page_is_valid(page: str) -> None:
    done = run_command(CFN_LINT, "--region", "eu-west-1", input=text_of(page))

    assert done.returncode == 0, done.stdout + done.stderr


def test_slack_gets_a_message_about_a_failed_run(system: System, whop: MockServer) -> None:
    receiver = MockServer(system.receiver_url.removesuffix("/"), "/")
    receiver.reset()
    template = template_of("slack-with-eventbridge")
    assert re.fullmatch(template["Parameters"].pop("SlackUrl")["AllowedPattern"], SLACK_URL)
    replace_destination(system, template, f"{system.receiver_url}services/x")
    with deployed(system, "slack", template):
        run = failed_run(system, whop)
        deliveries = until(lambda: [each for each in receiver.state()["received"] if run["run_id"] in each["body"]])

    assert deliveries[0]["path"] == "/services/x"
    assert json.loads(deliveries[0]["body"]) == {
        "text": f"run.failed: automation {run['automation']}, target {run['target']}, run {run['run_id']}"
    }


def replace_destination(system: System, template: Json, url: str) -> None:
    """Create the connection and the API destination of a template with calls, and put the ARN of that into its rule.

    The local CloudFormation doesn't know these two types.
    """
    environment = system.emulator.environment()
    session = boto3.Session(environment["AWS_ACCESS_KEY_ID"], "local", region_name=environment["AWS_REGION"])
    events = session.client("events", endpoint_url=environment["AWS_ENDPOINT_URL"])
    resources = template["Resources"]
    connection = events.create_connection(Name="slack", **resources.pop("Connection")["Properties"])
    wanted = resources.pop("Slack")["Properties"] | {
        "ConnectionArn": connection["ConnectionArn"],
        "InvocationEndpoint": url,
    }
    arn = events.create_api_destination(Name="slack", **wanted)["ApiDestinationArn"]
    resources["Rule"]["Properties"]["Targets"][0]["Arn"] = arn
    resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = arn


def test_a_subscriber_of_the_topic_gets_the_whole_event_of_a_failed_run(system: System, whop: MockServer) -> None:
    template = template_of("events-to-sns")
    subscription = {"TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}}
    statement = {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
    }
    policy = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    template["Resources"] |= {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "subscriber"}},
        "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
        "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": subscription, "DependsOn": "QueuePolicy"},
    }
    queues = system.emulator.clients.queues
    with deployed(system, "events", template):
        url = queues.get_queue_url(QueueName="subscriber")["QueueUrl"]
        run = failed_run(system, whop)

        def event_of_the_run() -> Json | None:
            for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                event: Json = json.loads(json.loads(message["Body"])["Message"])
                if event["detail"]["data"]["run_id"] == run["run_id"]:
                    return event
            return None

        event = until(event_of_the_run)

    assert event is not None
    assert (event["source"], event["detail-type"]) == ("aichats", "aichats.run.failed")
    assert event["detail"]["id"].startswith("evt_")
    assert event["detail"]["data"]["target"] == run["target"]


def create_as_on_aws(system: System, receivers: str) -> None:
    """Create a stack that has the template's own parameter and no function, and delete it.

    Raises:
        ClientError: CloudFormation rejected it.
    """
    part = {
        "Parameters": {"LoopbackReceivers": load_template()["Parameters"]["LoopbackReceivers"]},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    client = system.emulator.clients.cloudformation
    parameter: ParameterTypeDef = {"ParameterKey": "LoopbackReceivers", "ParameterValue": receivers}
    client.create_stack(StackName="loopback", TemplateBody=json.dumps(part), Parameters=[parameter])
    client.delete_stack(StackName="loopback")


def test_a_deployed_stack_rejects_receivers_on_loopback_addresses(system: System) -> None:
    with pytest.raises(ClientError, match="LoopbackReceivers"):
        create_as_on_aws(system, "allowed")

    create_as_on_aws(system, "forbidden")
