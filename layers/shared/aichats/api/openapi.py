"""The OpenAPI 3.1 document, made from the operations and their models. No function imports this module."""

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from aichats.api.documentation import page_json, problems
from aichats.api.forms import FORM
from aichats.api.operation import Operation
from aichats.api.problem_view import Problem
from aichats.api.problems import CONTENT_TYPE
from aichats.api.routes.runs import StartedRuns
from aichats.api.routing import operations_at
from aichats.json_types import JsonObject
from aichats.whop.event_models import WebhookEvent

_REF = "#/components/schemas/{model}"
_ERRORS = (401, 403, 404, 422, 429, 500, 502, 503, 504)
"""The error statuses of every operation. A provider may cause some of them, such as 404 for an unknown company."""
_ERROR_HEADERS = {
    401: {"WWW-Authenticate": "The scheme: `Bearer`"},
    503: {"Retry-After": "The seconds to wait before you retry the request"},
}
_RUN_HEADERS = {"Location": "The result or, with 202, the run", "X-Run-Id": "The run of this request"}
_REPLAYED = {"Idempotent-Replayed": "`true`: an earlier request with this `Idempotency-Key` created the result"}


class _Schemas(GenerateJsonSchema):
    """The schemas of models, named without ``Model`` at the end."""

    def normalize_name(self, name: str) -> str:
        """Return the name of a schema."""
        return super().normalize_name(name).removesuffix("Model")


def document(operations: Sequence[Operation[Any, Any]]) -> JsonObject:
    """Return the OpenAPI document. Operations that always fail are left out.

    Everything except the operations comes from the file ``pages/openapi_base.json``.
    """
    described = [operation for operation in operations if operation.answers]
    references, schemas = _schemas(described)
    base = page_json("openapi_base.json")
    components = base["components"]
    return base | {
        "paths": _paths(described, references) | base["paths"],
        "components": components
        | {
            "schemas": schemas | components["schemas"],
            "responses": _error_responses(references[Problem]) | components["responses"],
        },
    }


def _paths(operations: Sequence[Operation[Any, Any]], references: Mapping[type[BaseModel], JsonObject]) -> JsonObject:
    paths: JsonObject = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    for path, methods in paths.items():
        # In OpenAPI, a fixed path hides a matching path with parameters, together with its other methods.
        for indexed in operations_at(path).values():
            if indexed.answers:
                named = _at(path, _operation(indexed.load(), references))
                methods.setdefault(indexed.method.lower(), named)
    return paths


def _schemas(operations: Sequence[Operation[Any, Any]]) -> tuple[dict[type[BaseModel], JsonObject], JsonObject]:
    """Return a reference to each model, and the schemas of all models."""
    used: set[type[BaseModel] | None] = {Problem, StartedRuns, WebhookEvent}
    used |= {
        model for operation in operations for model in (operation.body, operation.form, *operation.answers.values())
    }
    models = sorted((model for model in used if model), key=lambda model: model.__name__)
    # Answers have the schemas of bodies, so that no model has two schemas.
    references, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF, schema_generator=_Schemas
    )
    schemas: JsonObject = definitions["$defs"]
    for schema in schemas.values():
        if "description" in schema:
            # The other paragraphs are for readers of the code.
            first = schema["description"].partition("\n\n")[0]
            schema["description"] = first.replace("``None``", "`null`").replace("``", "`")
    named = {model: references[model, "validation"] for model in models}
    # pydantic also describes a type whose schema an annotation replaces.
    used_names = set(re.findall(_REF.format(model='([^"]+)'), json.dumps([*named.values(), schemas])))
    return named, {name: schema for name, schema in schemas.items() if name in used_names}


def _error_responses(schema: JsonObject) -> JsonObject:
    """Return the response for each error status, with the kinds of problems that have the status."""
    statuses = sorted({status for problem in problems().values() for status in problem["statuses"]} - {405})
    return {_name(status): _error_response(status, schema) for status in statuses}


def _error_response(status: int, schema: JsonObject) -> JsonObject:
    kinds = {kind: problem["meaning"] for kind, problem in problems().items() if status in problem["statuses"]}
    description = "\n".join(f"- `{kind}`: {meaning}" for kind, meaning in kinds.items())
    return _content(description, schema, CONTENT_TYPE) | _headers(_ERROR_HEADERS.get(status, {}))


def _errors(*statuses: int) -> JsonObject:
    return {str(int(status)): {"$ref": f"#/components/responses/{_name(status)}"} for status in statuses}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _operation(operation: Operation[Any, Any], references: Mapping[type[BaseModel], JsonObject]) -> JsonObject:
    scopes = ", ".join(f"`{scope}`" for scope in operation.scopes) or "none"
    prose = (operation.run.__doc__ or "").strip()
    described: JsonObject = {
        "operationId": operation.run.__name__,
        "summary": operation.summary,
        "description": f"{prose}\n\n{'Scope' if len(operation.scopes) == 1 else 'Scopes'}: {scopes}.",
        "tags": [operation.path.split("/")[1]],
        "security": [{"bearer": []}],
        "x-scopes": list(operation.scopes),
        "parameters": _parameters(operation),
        "responses": _responses(operation, references),
    }
    if operation.body:
        examples = page_json("examples.json")[operation.run.__name__]
        media_type = {"schema": references[operation.body], "examples": examples}
        form = {FORM: {"schema": references[operation.form]}} if operation.form else {}
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": media_type} | form,
        }
    return described


def _at(path: str, described: JsonObject) -> JsonObject:
    """Return the description of an operation with a path parameter at one of its fixed paths."""
    name = path.rpartition("/")[2]
    parameters = [parameter for parameter in described["parameters"] if parameter["in"] != "path"]
    return described | {"operationId": f"{described['operationId']}_named_{name}", "parameters": parameters}


def _parameters(operation: Operation[Any, Any]) -> list[JsonObject]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": adapter.json_schema()}
        for name, adapter in operation.parameters.items()
    ]
    names: tuple[str, ...] = ("Idempotency-Key",) if operation.idempotent else ()
    if operation.conditional:
        names += ("If-Match", "If-None-Match") if operation.body else ("If-Match",)
    headers = page_json("headers.json")
    return path + _query(operation.query) + [headers[name] for name in names]


def _query(model: type[BaseModel] | None) -> list[JsonObject]:
    if model is None:
        return []
    schema = model.model_json_schema()
    required, definitions = schema.get("required", ()), schema.get("$defs", {})
    parameters = []
    for name, field in schema["properties"].items():
        shape = _without_null(field, definitions)
        description = field.get("description") or shape.get("description")
        shape.pop("description", None)
        described = {"description": description} if description else {}
        parameters.append({"name": name, "in": "query", "required": name in required, **described, "schema": shape})
    return parameters


def _without_null(field: JsonObject, definitions: JsonObject) -> JsonObject:
    """Return the schema of a query parameter: without null, and without references that the document can't resolve."""
    [member] = [member for member in field.get("anyOf", [field]) if member != {"type": "null"}]
    schema = definitions.get(member.get("$ref", "").rpartition("/")[2], member)
    default = {} if field.get("default") is None else {"default": field["default"]}
    return {name: value for name, value in schema.items() if name not in ("title", "default")} | default


def _responses(operation: Operation[Any, Any], references: Mapping[type[BaseModel], JsonObject]) -> JsonObject:
    statuses = [*_ERRORS]
    statuses += [HTTPStatus.CONFLICT] if operation.conflicts else []
    statuses += [HTTPStatus.PRECONDITION_FAILED] if operation.conditional else []
    is_run = operation.idempotent and {HTTPStatus.ACCEPTED, HTTPStatus.CREATED} <= operation.answers.keys()
    responses: JsonObject = {}
    for status, model in operation.answers.items():
        phrase = HTTPStatus(status).phrase
        answer: JsonObject = (
            _content(phrase, references[model], "application/json") if model else {"description": phrase}
        )
        replayed = _REPLAYED if is_run and status == HTTPStatus.OK else {}
        run = _RUN_HEADERS if is_run else {}
        responses[str(int(status))] = answer | _headers({**run, **replayed, **operation.headers})
    return responses | _errors(*statuses)


def _headers(texts: Mapping[str, str]) -> JsonObject:
    if not texts:
        return {}
    return {"headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()}}


def _content(description: str, schema: JsonObject, media_type: str) -> JsonObject:
    return {"description": description, "content": {media_type: {"schema": schema}}}
