"""The OpenAPI 3.1 document, made from the operations, and Swagger UI to read and try it."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from importlib import resources
from typing import Any

from aws_lambda_powertools.event_handler.openapi.swagger_ui import generate_swagger_html
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from aichats.api.operation import Operation
from aichats.api.problems import CONTENT_TYPE, Problem
from aichats.api.requests import KEY_PATTERN, operations_at
from aichats.api.routes.runs import Started
from aichats.whop.webhooks import WebhookEvent

type Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_SWAGGER_UI = "aws_lambda_powertools.event_handler.openapi.swagger_ui"
_REFUSALS = (401, 403, 404, 422, 500, 502, 503, 504)
"""What every operation may answer; 404 comes from the provider too: a company may be unknown to it."""

_HEADERS: dict[str, Json] = {
    "Idempotency-Key": {
        "required": False,
        "description": "The same request with the same key starts nothing again. Send it once, without a comma",
        "schema": {"type": "string", "pattern": KEY_PATTERN},
    },
    "If-Match": {
        "required": False,
        "description": "An `ETag`, or `*` for any: 412 if the automation has another one, or if the header is empty",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "required": False,
        "description": "`*`: 412 if there is an automation of this name",
        "schema": {"type": "string"},
    },
}
_PROBLEM_HEADERS = {
    "Allow": "With 405: the methods of the path",
    "Retry-After": "With 503: how many seconds to wait before you repeat the request",
    "WWW-Authenticate": "With 401: the scheme, `Bearer`",
}
_RUN_HEADERS = {"Location": "Where to look for the result", "X-Run-Id": "The run that creates it"}
_REPLAYED = {"Idempotent-Replayed": "`true`: an earlier request with this Idempotency-Key did it"}


def document_json(operations: Sequence[Operation[Any, Any]]) -> str:
    """The document as JSON."""
    return json.dumps(document(operations), ensure_ascii=False)


def swagger_ui(operations: Sequence[Operation[Any, Any]]) -> tuple[str, str]:
    """Return one HTML page that needs nothing from anywhere else, and its Content-Security-Policy."""
    assets = resources.files(_SWAGGER_UI)
    # As it stands inside a script element, nothing in it may end that element.
    spec = document_json(operations).replace("</", "<\\/")
    script = assets.joinpath("swagger-ui-bundle.min.js").read_text("utf-8")
    style = assets.joinpath("swagger-ui.min.css").read_text("utf-8")
    page = str(generate_swagger_html(spec, script, style, "", None))
    return page, _policy(page)


def _policy(page: str) -> str:
    """Return the policy that lets a page use its own scripts and styles, call its own API, and nothing else."""
    directives = {
        "default-src": "'none'",
        "script-src": _hashes(page, "script"),
        "style-src": _hashes(page, "style"),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


def _hashes(page: str, element: str) -> str:
    """Return what allows just the inline scripts or styles that a page has."""
    contents = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def document(operations: Sequence[Operation[Any, Any]]) -> Json:
    """The document."""
    references, schemas = _schemas(operations)
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    for path, methods in paths.items():
        # A fixed path hides one with parameters, also from methods that it does not have.
        for operation in operations_at(operations, path).values():
            methods.setdefault(operation.method.lower(), _at(path, _operation(operation, references)))
    paths["/webhooks/whop"] = {"post": _webhook(references)}
    paths["/health"] = {"get": _health()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "aichats",
            "version": "1",
            "description": "AI chats that happen by themselves. Times are ISO 8601 in UTC.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "security": [{"bearer": []}],
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A caller's token (`make caller`)"}
            },
            "responses": {
                "Problem": _content("Refused", references[Problem], CONTENT_TYPE) | _headers(_PROBLEM_HEADERS)
            },
        },
    }


def _schemas(operations: Sequence[Operation[Any, Any]]) -> tuple[dict[type[BaseModel], Json], Json]:
    """A reference to each model, and the schemas that they refer to."""
    bodies = {operation.body for operation in operations if operation.body}
    others: set[type[BaseModel]] = {Problem, Started, WebhookEvent}
    replies = {operation.reply for operation in operations if operation.reply} | others
    replies |= {reply for operation in operations for reply in operation.also.values()}
    wanted = sorted(bodies | replies, key=lambda model: model.__name__)
    # What is answered has the form of what is taken, so that no model stands there twice.
    found, definitions = models_json_schema([(model, "validation") for model in wanted], ref_template=_REF)
    return {model: found[model, "validation"] for model in wanted}, definitions["$defs"]


def _operation(operation: Operation[Any, Any], references: dict[type[BaseModel], Json]) -> Json:
    described: Json = {
        "operationId": f"{operation.run.__name__}_{operation.path.split('/')[1].rstrip('s')}",
        "summary": operation.summary,
        "description": f"{_prose(operation.run)}\n\n{_scopes(operation.scopes)}",
        "tags": [operation.path.split("/")[1]],
        "security": [{"bearer": list(operation.scopes)}],
        "parameters": _parameters(operation),
        "responses": _responses(operation, references),
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": references[operation.body]}},
        }
    return described


def _scopes(scopes: Sequence[str]) -> str:
    return f"{'Scope' if len(scopes) == 1 else 'Scopes'}: {', '.join(f'`{scope}`' for scope in scopes)}."


def _at(path: str, described: Json) -> Json:
    """Return an operation as one of a fixed path that is among those it takes."""
    name = path.rpartition("/")[2]
    parameters = [each for each in described["parameters"] if each["in"] != "path"]
    return described | {"operationId": f"{described['operationId']}_named_{name}", "parameters": parameters}


def _prose(described: Callable[..., Any]) -> str:
    """A docstring without its sections: what follows is for those who read the code."""
    return re.split(r"\n\s*(?:Args|Raises):\n", described.__doc__ or "")[0].strip()


def _parameters(operation: Operation[Any, Any]) -> list[Json]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": adapter.json_schema()}
        for name, adapter in operation.parameters.items()
    ]
    names: tuple[str, ...] = ("Idempotency-Key",) if operation.idempotent else ()
    if operation.conditional:
        names += ("If-Match", "If-None-Match") if operation.body else ("If-Match",)
    return path + _query(operation.query) + [_HEADERS[name] | {"name": name, "in": "header"} for name in names]


def _query(model: type[BaseModel] | None) -> list[Json]:
    if model is None:
        return []
    schema = model.model_json_schema()
    needed, definitions = schema.get("required", ()), schema.get("$defs", {})
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": _without_null(field, definitions)}
        for name, field in schema["properties"].items()
    ]


def _without_null(field: Json, definitions: Json) -> Json:
    """A query parameter is left out, never null. No references: what they point to would not be in the document."""
    [member] = [member for member in field.get("anyOf", [field]) if member != {"type": "null"}]
    found = definitions.get(member.get("$ref", "").rpartition("/")[2], member)
    default = {} if field.get("default") is None else {"default": field["default"]}
    return {name: value for name, value in found.items() if name not in ("title", "default")} | default


def _responses(operation: Operation[Any, Any], references: dict[type[BaseModel], Json]) -> Json:
    refusals = [*_REFUSALS]
    refusals += [HTTPStatus.CONFLICT] if operation.conflicts else []
    refusals += [HTTPStatus.PRECONDITION_FAILED] if operation.conditional else []
    responses: Json = {str(int(status)): {"$ref": "#/components/responses/Problem"} for status in refusals}
    run = _RUN_HEADERS if operation.status == HTTPStatus.CREATED else {}
    for status, model in operation.also.items():
        also = _content(HTTPStatus(status).phrase, references[model], "application/json")
        replayed = _REPLAYED if run and status == HTTPStatus.OK else {}
        responses[str(int(status))] = also | _headers({**run, **replayed, **operation.headers})
    if operation.reply is None and operation.status != HTTPStatus.NO_CONTENT:
        # It is there to refuse.
        return responses
    phrase = HTTPStatus(operation.status).phrase
    reply = references[operation.reply] if operation.reply else None
    success: Json = _content(phrase, reply, "application/json") if reply else {"description": phrase}
    return {str(int(operation.status)): success | _headers({**run, **operation.headers})} | responses


def _headers(texts: Mapping[str, str]) -> Json:
    if not texts:
        return {}
    return {"headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()}}


def _webhook(references: Mapping[type[BaseModel], Json]) -> Json:
    """It needs no token: the signature says who speaks."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    refusals = {str(status): {"$ref": "#/components/responses/Problem"} for status in (400, 401, 500)}
    return {
        "operationId": "receive_webhook",
        "summary": "Take an event of Whop",
        "description": "Signed with the secret that Whop shows for the webhook, as Standard Webhooks says. It is "
        "answered when the runs that the event sets off are safe; they are performed later.",
        "tags": ["webhooks"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in names
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": references[WebhookEvent]}}},
        "responses": {"202": _content("Accepted", references[Started], "application/json"), **refusals},
    }


def _health() -> Json:
    schema = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}
    return {
        "operationId": "health",
        "summary": "Is the API there?",
        "tags": ["health"],
        "security": [],
        "responses": {"200": _content("OK", schema, "application/json")},
    }


def _content(description: str, schema: Json, media_type: str) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}
