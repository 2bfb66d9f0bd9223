"""The deployment's own steps. A whole one runs in tests/e2e."""

from typing import Any, Self, cast

import pytest

from local.cloud.clients import Clients
from local.cloud.deploy import Stack, enable_time_to_live, finished, packaged
from local.errors import LocalError


class FakeAws:
    """In place of the clients: CloudFormation with a script of states, and DynamoDB."""

    def __init__(self, *states: str, events: tuple[dict[str, str], ...] = ()) -> None:
        self._states = iter(states)
        self._events = events
        self.time_to_live: list[dict[str, Any]] = []

    @property
    def cloudformation(self) -> Self:
        return self

    @property
    def dynamodb(self) -> Self:
        return self

    def describe_stacks(self, **_which: str) -> dict[str, Any]:
        return {"Stacks": [{"StackName": "stack", "StackStatus": next(self._states)}]}

    def describe_stack_events(self, **_which: str) -> dict[str, Any]:
        return {"StackEvents": list(self._events)}

    def update_time_to_live(self, **call: Any) -> None:
        self.time_to_live.append(call)


def test_code_comes_from_the_bucket_and_the_rest_stays_as_it_is() -> None:
    template: dict[str, Any] = {
        "Resources": {
            "Worker": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "Worker", "Timeout": 3}},
            "Shared": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "Shared"}},
            "Queue": {"Type": "AWS::SQS::Queue"},
        }
    }
    assert packaged(template)["Resources"] == {
        "Worker": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"CodeUri": "s3://artifacts/Worker.zip", "Timeout": 3},
        },
        "Shared": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "s3://artifacts/Shared.zip"}},
        "Queue": {"Type": "AWS::SQS::Queue"},
    }
    assert template["Resources"]["Worker"]["Properties"] == {"CodeUri": "Worker", "Timeout": 3}


def test_a_deployment_is_waited_for() -> None:
    aws = FakeAws("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert finished(cast("Clients", aws), "stack")["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"])
def test_a_failed_deployment_names_the_resources_that_failed_in_order(status: str) -> None:
    latest_first = (
        {"LogicalResourceId": "Queue", "ResourceStatus": "DELETE_COMPLETE"},
        {"LogicalResourceId": "Worker", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "no role"},
        {"LogicalResourceId": "Role", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "malformed"},
    )
    aws = FakeAws("CREATE_IN_PROGRESS", status, events=latest_first)
    with pytest.raises(LocalError) as failed:
        finished(cast("Clients", aws), "stack")
    assert str(failed.value).splitlines() == [
        f"stack stack was not deployed ({status}):",
        "  Role: malformed",
        "  Worker: no role",
    ]


def test_rows_expire_where_the_template_says_so() -> None:
    expiry = {"AttributeName": "ttl", "Enabled": True}
    template = {
        "Resources": {
            "Runs": {"Type": "AWS::DynamoDB::Table", "Properties": {"TimeToLiveSpecification": expiry}},
            "Other": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
            "Topic": {"Type": "AWS::SNS::Topic"},
        }
    }
    aws = FakeAws()
    enable_time_to_live(cast("Clients", aws), Stack("stack", {}, {"Runs": "stack-Runs-1"}, template))
    assert aws.time_to_live == [{"TableName": "stack-Runs-1", "TimeToLiveSpecification": expiry}]
