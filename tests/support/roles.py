"""Functions that run in this process, each with the permissions that its role has on the local cloud."""

import contextlib
import json
import runpy
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Self

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from botocore.session import Session, get_session

from aichats import bootstrap
from aichats.aws import clients
from aichats.aws.errors import ResponseError
from aichats.runs.ledger import times
from local.cloud.deploy import Stack
from local.cloud.emulator import Emulator
from local.setup import ROOT
from local.system import System
from tests.support.lambda_calls import http_event, make_context
from tests.support.template import of_type

FUNCTIONS = of_type("AWS::Serverless::Function")
CREATE_CLIENT: Callable[[str], Any] = clients._create_client.__wrapped__
LOADER = create_loader()
"""The loader of all sessions, because reading the models of services takes most of the time."""

type Json = dict[str, Any]


class Later(datetime):
    """The clock of the code, which a test may set forward."""

    ahead = timedelta(0)

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        return super().now(tz) + cls.ahead


@dataclass(frozen=True)
class Permission:
    """One action on one resource that a policy of a function's role allows."""

    function: str
    policy: str
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.function} ({self.policy}): {self.action} on {self.resource}"


@dataclass(frozen=True)
class Call:
    """A call that a function made to AWS."""

    service: str
    operation: str
    request: Json

    @property
    def actions(self) -> set[str]:
        """The actions that IAM must allow for it."""
        names = {self.operation}
        if self.operation == "TransactWriteItems":
            names = {f"{kind}Item" for write in self.request["TransactItems"] for kind in write}
        elif self.operation == "SendMessageBatch":
            names = {"SendMessage"}
        elif self.operation == "Invoke":
            names = {"InvokeFunction"}
        return {f"{self.service}:{name}" for name in names}


@dataclass
class Roles:
    """The functions of a deployed stack, their calls, and the denied calls.

    Attributes:
        denied: AWS's messages about denied calls.
        made: the calls of each function.
        variables: environment variables of all functions that differ from the template.
    """

    system: System
    denied: list[str] = field(default_factory=list)
    made: defaultdict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._configuration = cache(self._read_configuration)
        self._credentials = cache(self._assume)
        self._client = cache(self._make_client)

    @property
    def account(self) -> Emulator:
        """The local cloud."""
        return self.system.emulator

    @property
    def stack(self) -> Stack:
        """The deployed stack."""
        return self.system.stack

    # ------------------------------------------------------------------ calls of functions

    def call(self, function: str, event: Json, *, as_root: bool = False, later: timedelta = timedelta(0)) -> Any:
        """Run a function's code, and record its calls and the denied calls.

        Args:
            function: its logical id.
            event: the event of the call.
            as_root: whether it may do everything. Its calls are not recorded, because they only prepare something.
            later: the time by which the code's clock is ahead.
        """
        variables = self._configuration(function)["Environment"]["Variables"] | self.account.environment()
        variables |= ({} if as_root else self._credentials(function)) | self.variables
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_SESSION_TOKEN", raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(Later, "ahead", later)
            patch.setattr(times, "datetime", Later)
            with own_application(patch, self._unwatched if as_root else partial(self._watched, self.made[function])):
                code = runpy.run_path(str(ROOT / FUNCTIONS[function]["CodeUri"] / "app.py"))
                return code["lambda_handler"](event, make_context(FUNCTIONS[function]["Timeout"]))

    def http(self, method: str, path: str, body: object = None, **how: Any) -> Json:
        """Return the body of the HTTP API's response. ``how`` is as in :meth:`call`."""
        answer = self.call("HttpApiFunction", http_event(method, path, body), **how)
        assert answer["statusCode"] < 300, answer
        found: Json = json.loads(answer.get("body") or "{}")
        return found

    def _unwatched(self, _: str, client: Any) -> Any:
        return client

    def _watched(self, made: list[Call], service: str, client: Any) -> Any:
        return WatchedClient(service, client, made, self.denied)

    # ------------------------------------------------------------------ permissions

    def permissions(self, function: str) -> list[Permission]:
        """Return all that the function's role allows."""
        return [
            Permission(function, name, action, resource)
            for name, document in self._policies(function).items()
            for _, action, resource in pairs(document)
        ]

    def is_spare(self, permission: Permission) -> bool:
        """Return whether all calls that the function made are allowed without a permission."""
        with self.without(permission):
            calls = [call for call in self.made[permission.function] if permission.action in call.actions]
            return not any(self._is_denied(permission, call) for call in calls)

    def _is_denied(self, permission: Permission, call: Call) -> bool:
        """Repeat a call of the function with its role. Return whether AWS denies it."""
        client = self._client(call.service, permission.function)
        try:
            getattr(client, xform_name(call.operation))(**call.request)
        except ClientError as error:
            answer: Any = error.response
            if (message := denial(answer)) is not None:
                assert f"not authorized to perform: {permission.action} " in message
                return True
        return False

    @contextlib.contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """Take a permission away for the ``with`` block."""
        whole = self._policies(permission.function)[permission.policy]
        rest = [
            statement | {"Action": action, "Resource": resource}
            for statement, action, resource in pairs(whole)
            if (action, resource) != (permission.action, permission.resource)
        ]
        # A policy must have a statement.
        rest = rest or [{"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}]
        self._put(permission, whole | {"Statement": rest})
        try:
            yield
        finally:
            self._put(permission, whole)

    def _policies(self, function: str) -> dict[str, Json]:
        role, iam = self._role(function), self._client("iam")
        return {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }

    def _put(self, permission: Permission, document: Json) -> None:
        role = self._role(permission.function)
        policy = {"PolicyName": permission.policy, "PolicyDocument": json.dumps(document)}
        self._client("iam").put_role_policy(RoleName=role, **policy)

    # ------------------------------------------------------------------ cached reads

    def _role(self, function: str) -> str:
        arn: str = self._configuration(function)["Role"]
        return arn.rsplit("/", maxsplit=1)[-1]

    def _read_configuration(self, function: str) -> Any:
        ask = self.account.clients.functions.get_function_configuration
        return ask(FunctionName=self.stack.outputs[function])

    def _assume(self, function: str) -> dict[str, str]:
        """Return the credentials that Lambda gives to a function."""
        role = self._configuration(function)["Role"]
        credentials = self._client("sts").assume_role(RoleArn=role, RoleSessionName=function)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }

    def _make_client(self, service: str, function: str = "") -> Any:
        """Return a client with the credentials of a function, or with those of the account."""
        own = self.account.environment() | (self._credentials(function) if function else {})
        return make_session().create_client(
            service,
            endpoint_url=self.account.endpoint_url,
            region_name=own["AWS_REGION"],
            aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=own.get("AWS_SESSION_TOKEN", ""),
            config=Config(retries={"total_max_attempts": 1}),
        )


class WatchedClient:
    """A client that records its calls and the denied calls."""

    def __init__(self, service: str, client: Any, made: list[Call], denied: list[str]) -> None:
        self._service = service
        self._client = client
        self._made = made
        self._denied = denied

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(**request: Any) -> Any:
            self._made.append(Call(self._service, name.title().replace("_", ""), request))
            try:
                return method(**request)
            except ResponseError as error:
                if (message := denial(error.response)) is not None:
                    self._denied.append(message)
                raise

        return method if name == "close" else call


def denial(answer: Mapping[str, Any]) -> str | None:
    """Return AWS's message if a response denies a call; otherwise ``None``."""
    error: dict[str, str] = answer.get("Error", {})
    return error["Message"] if "AccessDenied" in error.get("Code", "") else None


def pairs(document: Json) -> Iterator[tuple[Json, str, str]]:
    """Return each action on each resource of a policy, with its statement."""
    for statement in document["Statement"]:
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield statement, action, resource


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def make_session() -> Session:
    session = get_session()
    session.register_component("data_loader", LOADER)
    return session


@contextlib.contextmanager
def own_application(patch: pytest.MonkeyPatch, watch: Callable[[str, Any], Any]) -> Iterator[None]:
    """Let the next application be created again. Close its connections at the end.

    ``watch`` gets each service and its client, and returns the client to use.
    """
    with ExitStack() as opened:
        session = make_session()

        @cache
        def create_client(service: str) -> Any:
            client = CREATE_CLIENT(service)
            opened.callback(client.close)
            return watch(service, client)

        patch.setattr(clients, "_session", lambda: session)
        patch.setattr(clients, "_create_client", create_client)
        bootstrap.application.cache_clear()
        yield
        if bootstrap.application.cache_info().currsize:
            bootstrap.application().transport.close()
        bootstrap.application.cache_clear()
