"""The routes of a deployed HTTP API.

They come from the stack's template, because the emulator deploys an `AWS::Serverless::HttpApi` without its routes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.cloud.deploy import Stack

ANY = "ANY"
ANY_IN_OPENAPI = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
FUNCTION = re.compile(r"/functions/\$\{(\w+)\.Arn\}/invocations$")
PARAMETER = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class Route:
    """One route, such as ``GET /chats/{id}`` or ``ANY /{proxy+}``, and the name of its function."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        """The route's key in API Gateway."""
        return f"{self.method} {self.path}"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        literals = PARAMETER.split(self.path)
        parts = [re.escape(literals[0])]
        for name, plus, literal in zip(literals[1::3], literals[2::3], literals[3::3], strict=True):
            parts.append(f"(?P<{name}>{'.+' if plus else '[^/]+'})" + re.escape(literal))
        return re.compile("".join(parts), re.DOTALL)

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """Return the path's parameters if this route matches the request, else None."""
        match = self._pattern.fullmatch(path) if self.method in {method, ANY} else None
        return match.groupdict() if match else None

    @property
    def rank(self) -> tuple[list[int], bool]:
        """Sort key: literal segments before ``{id}`` before ``{proxy+}``, and one method before ``ANY``."""
        kinds = [1 + segment.endswith("+}") if segment.startswith("{") else 0 for segment in self.path.split("/")]
        return kinds, self.method == ANY


@dataclass(frozen=True)
class HttpApi:
    """A deployed HTTP API."""

    api_id: str
    routes: tuple[Route, ...]

    def route(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route that matches the request, with the path's parameters, or None."""
        one_slash = f"/{path.lstrip('/')}"
        for route in sorted(self.routes, key=lambda route: route.rank):
            parameters = route.parameters(method, one_slash)
            if parameters is not None:
                return route, parameters
        return None


def http_api(stack: Stack) -> HttpApi:
    """Return the only HTTP API of the stack."""
    (name, body), *_ = (
        (name, resource["Properties"]["Body"])
        for name, resource in stack.template["Resources"].items()
        if resource["Type"] == "AWS::ApiGatewayV2::Api"
    )
    routes = tuple(
        Route(ANY if method == ANY_IN_OPENAPI else method.upper(), path, function_name(operation, stack.resources))
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
    )
    return HttpApi(stack.resources[name], routes)


def function_name(operation: Mapping[str, dict[str, dict[str, str]]], resources: Mapping[str, str]) -> str:
    """Return the name of the function that handles an operation.

    Raises:
        ValueError: the handler isn't a function of the stack.
    """
    uri = operation[INTEGRATION]["uri"]
    match = FUNCTION.search(uri.get("Fn::Sub", ""))
    if match is None:
        raise ValueError(f"the local HTTP API calls only functions of the stack, not {uri}")
    return resources[match[1]]
