"""The route of an HTTP API that takes a request."""

from typing import Any

import pytest

from local.cloud.deploy import Stack
from local.cloud.http_api import HttpApi, Route, http_api

ROUTES = (
    Route("ANY", "/{proxy+}", "rest"),
    Route("ANY", "/chats/{id}", "any chat"),
    Route("GET", "/chats/{id}", "get a chat"),
    Route("POST", "/chats/notification-preference", "mute"),
    Route("GET", "/files/{name}.txt", "text file"),
    Route("POST", "/webhooks/whop", "webhook"),
)


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("POST", "/webhooks/whop", "webhook", {}),
        ("GET", "/webhooks/whop", "rest", {"proxy": "webhooks/whop"}),
        ("GET", "/chats/aich_1", "get a chat", {"id": "aich_1"}),
        ("PATCH", "/chats/aich_1", "any chat", {"id": "aich_1"}),
        ("POST", "/chats/notification-preference", "mute", {}),
        ("GET", "/chats/a/b", "rest", {"proxy": "chats/a/b"}),
        ("GET", "/chats/", "rest", {"proxy": "chats/"}),
        ("GET", "/files/a.txt", "text file", {"name": "a"}),
        ("GET", "/files/axtxt", "rest", {"proxy": "files/axtxt"}),
        ("GET", "//chats/aich_1", "get a chat", {"id": "aich_1"}),
    ],
)
def test_the_most_specific_route_takes_the_request(
    method: str, path: str, function: str, parameters: dict[str, str]
) -> None:
    found = HttpApi("api", ROUTES).route(method, path)
    assert found is not None
    assert (found[0].function, found[1]) == (function, parameters)


@pytest.mark.parametrize("path", ["/", "", "//"])
def test_a_greedy_route_does_not_take_the_root(path: str) -> None:
    assert HttpApi("api", ROUTES).route("GET", path) is None


@pytest.mark.parametrize("path", ["/", "", "//"])
def test_a_route_of_its_own_takes_the_root_and_nothing_else(path: str) -> None:
    api = HttpApi("api", (Route("ANY", "/", "root"), *ROUTES))

    assert api.route("GET", path) == (Route("ANY", "/", "root"), {})
    found = api.route("GET", "/chats/a/b")
    assert found is not None
    assert found[0].function == "rest"


def stack(uri: object) -> Stack:
    """Return a stack whose API has one route, handed to ``uri``."""
    operation = {"x-amazon-apigateway-integration": {"uri": uri, "payloadFormatVersion": "2.0"}}
    body: dict[str, Any] = {
        "paths": {"/chats": {"post": operation}, "/{proxy+}": {"x-amazon-apigateway-any-method": operation}}
    }
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}}
    function = {"Type": "AWS::Lambda::Function", "Properties": {}}
    resources = {"Api": "abc123", "Handler": "stack-Handler-1"}
    return Stack("stack", {}, resources, {"Resources": {"Handler": function, "Api": api}})


def test_the_routes_are_those_of_the_template() -> None:
    uri = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Handler.Arn}/invocations"
    api = http_api(stack({"Fn::Sub": uri}))
    assert api.api_id == "abc123"
    assert [(route.key, route.function) for route in api.routes] == [
        ("POST /chats", "stack-Handler-1"),
        ("ANY /{proxy+}", "stack-Handler-1"),
    ]


@pytest.mark.parametrize("uri", [{"Fn::Sub": "https://example.com"}, {"Ref": "Handler"}])
def test_a_route_to_something_else_than_a_function_is_rejected(uri: object) -> None:
    with pytest.raises(ValueError, match="calls only functions of the stack"):
        http_api(stack(uri))
