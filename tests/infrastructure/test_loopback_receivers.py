"""Receivers on loopback addresses, which only the local cloud allows."""

from local.cloud.deploy import packaged
from tests.support.template import load_template, of_type


def test_receivers_on_loopback_addresses_are_forbidden_and_only_the_local_cloud_can_allow_them() -> None:
    parameter = load_template()["Parameters"]["LoopbackReceivers"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("forbidden", ["forbidden"])
    local = packaged(load_template())["Parameters"]["LoopbackReceivers"]
    assert (local["Default"], local["AllowedValues"]) == ("forbidden", ["forbidden", "allowed"])


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
