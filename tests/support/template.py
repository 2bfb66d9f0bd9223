"""template.yaml as data, with intrinsic functions in their long form (``{"Ref": "X"}`` for ``!Ref X``)."""

from functools import cache
from typing import Any

from local.cloud.build import Template
from local.setup import ROOT

CODE = "".join(file.read_text() for file in (ROOT / "layers" / "shared" / "aichats").rglob("*.py"))
"""Source code of the layer."""
METRIC_DIMENSIONS = {
    "AWS/ApiGateway": "ApiId",
    "AWS/DynamoDB": "TableName",
    "AWS/Lambda": "FunctionName",
    "AWS/SQS": "QueueName",
    "aichats": "service",
}
"""Dimension of the metrics in a namespace. An alarm on another dimension never goes off."""


@cache
def load_template() -> dict[str, Any]:
    """Return the template."""
    loader = Template((ROOT / "template.yaml").read_text())
    template: dict[str, Any] = loader.get_single_data()
    return template


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, by logical id."""
    resources = load_template()["Resources"]
    return {name: part.get("Properties", {}) for name, part in resources.items() if part["Type"] == kind}


def walk(node: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return a node and all nodes below it, each with its path."""
    nodes = [(path, node)]
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        nodes += walk(value, (*path, str(key)))
    return nodes
