"""The services that functions call without botocore, compared with botocore's models of them."""

from functools import cache
from typing import Any

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import create_loader
from botocore.model import OperationModel, ServiceModel
from botocore.session import get_session

from aichats.aws.services import SERVICES, Service

REGIONS = (
    "af-south-1",
    "ap-southeast-5",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-west-1",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
    "us-east-1",
    "us-gov-east-1",
    "us-gov-west-1",
)
LOADER = create_loader()
EACH_SERVICE = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@cache
def model(name: str) -> ServiceModel:
    return ServiceModel(LOADER.load_service_model(name, "service-2"), name)


def operations(service: Service) -> dict[str, OperationModel]:
    """Return botocore's models of the operations that functions use, by their methods."""
    found = model(service.name)
    return {
        method: found.operation_model("".join(map(str.capitalize, method.split("_")))) for method in service.operations
    }


@EACH_SERVICE
@pytest.mark.parametrize("region", REGIONS)
def test_the_address_of_a_service_in_a_region_is_botocores(service: Service, region: str) -> None:
    rules: Any = LOADER.load_service_model(service.name, "endpoint-rule-set-1")
    provider = EndpointProvider(rules, LOADER.load_data("partitions"))
    endpoint = provider.resolve_endpoint(Region=region, UseDualStack=False, UseFIPS=False)

    assert service.url(region, {}) == endpoint.url.rstrip("/") + "/"


@EACH_SERVICE
@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"},
        {"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:2", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:3"},
        {"AWS_ENDPOINT_URL_EVENTBRIDGE": "http://127.0.0.1:4/path/"},
        {"AWS_ENDPOINT_URL": ""},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"},
    ],
)
def test_an_address_in_the_environment_is_used_as_botocore_uses_it(
    service: Service, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    session = get_session()
    session.register_component("data_loader", LOADER)
    client: Any = session.create_client(service.name, region_name="eu-west-1")

    assert service.url("eu-west-1", environment) == client.meta.endpoint_url.rstrip("/") + "/"


@EACH_SERVICE
def test_a_service_is_as_botocores_model_describes_it(service: Service) -> None:
    found = model(service.name)

    assert found.signing_name == service.name
    assert found.service_id.upper().replace(" ", "_") == service.variable
    assert (found.metadata["targetPrefix"], found.metadata["jsonVersion"]) == (service.target, service.version)
    assert found.metadata["protocol"] == "json"
    assert ("awsQueryCompatible" in found.metadata) == service.query_mode


@EACH_SERVICE
def test_each_operation_that_makes_a_token_of_its_own_is_known(service: Service) -> None:
    found = {method: operation.idempotent_members for method, operation in operations(service).items()}
    tokens = {method: members for method, members in found.items() if members}

    assert tokens == ({service.tokenized: ["ClientRequestToken"]} if service.tokenized else {})


@EACH_SERVICE
def test_no_operation_has_members_that_json_cannot_hold(service: Service) -> None:
    """Check that only parts that aichats doesn't use are encoded: binary attributes and binary secrets."""
    found = {place for operation in operations(service).values() for place in blobs(operation.input_shape)}

    assert {place.rpartition(".")[2] for place in found} <= {
        "B",
        "BS",
        "SecretBinary",
        "BinaryValue",
        "BinaryListValues",
    }


def blobs(shape: Any, seen: tuple[str, ...] = (), place: str = "") -> set[str]:
    """Return the places of binary members in a shape."""
    if shape is None or shape.name in seen:
        return set()
    if shape.type_name == "blob":
        return {place}
    inner: dict[str, Any] = {}
    if shape.type_name == "structure":
        inner = {f"{place}.{name}": member for name, member in shape.members.items()}
    elif shape.type_name == "list":
        inner = {place: shape.member}
    elif shape.type_name == "map":
        inner = {place: shape.value}
    return {found for name, member in inner.items() for found in blobs(member, (*seen, shape.name), name)}
