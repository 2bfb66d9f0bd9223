"""Tests of the dashboard: it shows metrics that exist."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.template import CODE, METRIC_DIMENSIONS, load_template, of_type

RESOURCES = load_template()["Resources"]


def widgets() -> Iterator[dict[str, Any]]:
    body = json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    yield from (widget["properties"] for widget in body["widgets"])


def metrics_of(widget: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the metrics of a widget, with CloudWatch's shorthand for "as above" replaced."""
    above: list[str] = []
    for metric in widget["metrics"]:
        parts = [part for part in metric if isinstance(part, str)]
        if parts[0] == "...":
            parts = above[: len(above) - len(parts) + 1] + parts[1:]
        above = [above[place] if part == "." else part for place, part in enumerate(parts)]
        yield above


@pytest.mark.parametrize("widget", list(widgets()), ids=lambda widget: widget["title"])
def test_the_dashboard_uses_the_dimension_of_each_metric_s_namespace(widget: dict[str, Any]) -> None:
    for namespace, metric, dimension, value in metrics_of(widget):
        assert dimension == METRIC_DIMENSIONS[namespace]
        assert namespace != "aichats" or f'"{metric}"' in CODE
        assert value == "${AWS::StackName}" or value[2:-1].split(".")[0] in RESOURCES


def test_the_dashboard_shows_every_function_and_every_queue() -> None:
    shown = {value[2:-1].split(".")[0] for widget in widgets() for *_, value in metrics_of(widget)}
    assert {*of_type("AWS::Serverless::Function"), *of_type("AWS::SQS::Queue")} <= shown
