"""The rules of template.yaml, which CloudFormation checks before it creates or changes a stack."""

from typing import Any

import pytest

from local.cloud.emulator import ACCOUNT
from tests.support.template import load_template, of_type

RULES: dict[str, dict[str, Any]] = load_template()["Rules"]


def holds(node: Any, values: dict[str, str]) -> Any:
    """Return the value of a condition for parameters and pseudo parameters."""
    match node:
        case {"Ref": name}:
            return values[name]
        case {"Fn::Equals": [one, other]}:
            return holds(one, values) == holds(other, values)
    return node


@pytest.mark.parametrize(("receivers", "account", "accepted"), [
    ("forbidden", "123456789012", True),
    ("forbidden", ACCOUNT, True),
    ("allowed", "123456789012", False),
    ("allowed", ACCOUNT, True),
])  # fmt: skip
def test_only_the_local_aws_accepts_receivers_on_loopback_addresses(
    receivers: str, account: str, *, accepted: bool
) -> None:
    rule = RULES["LoopbackReceiversAreLocal"]
    values = {"LoopbackReceivers": receivers, "AWS::AccountId": account}
    checks = [holds(each["Assert"], values) for each in rule["Assertions"]]

    assert (not holds(rule["RuleCondition"], values) or all(checks)) is accepted


def test_receivers_on_loopback_addresses_are_forbidden_unless_a_parameter_allows_them() -> None:
    assert load_template()["Parameters"]["LoopbackReceivers"]["Default"] == "forbidden"


def test_a_rule_says_what_to_do() -> None:
    for rule in RULES.values():
        assert all(each["AssertDescription"].endswith(".") for each in rule["Assertions"])


def test_the_functions_that_accept_and_call_receivers_know_if_loopback_addresses_are_allowed() -> None:
    variables = {
        name: properties.get("Environment", {}).get("Variables", {})
        for name, properties in of_type("AWS::Serverless::Function").items()
    }

    assert {
        name: given["LOOPBACK_RECEIVERS"] for name, given in variables.items() if "LOOPBACK_RECEIVERS" in given
    } == {
        "HttpApiFunction": {"Ref": "LoopbackReceivers"},
        "DeliverEventsFunction": {"Ref": "LoopbackReceivers"},
    }
