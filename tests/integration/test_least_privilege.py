"""No function has a permission that it does not need, and in normal work none lacks one.

The functions run in this process, each with the credentials of its role on the local cloud, which judges them by the
policies of the deployed template. Each permission is taken away in turn: a call of the function is then denied.
"""

import contextlib
import io
import json
import re
import runpy
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

import boto3
import pytest
from botocore.loaders import create_loader
from botocore.session import get_session

from aichats import bootstrap
from aichats.runs import times
from local.cloud.build import CODE, Build
from local.cloud.deploy import Stack, deploy
from local.cloud.emulator import Emulator
from local.system import WEBHOOK_SECRET, fill_secrets
from tests.lambda_calls import http_event, make_context
from tests.signing import PATH, event, signed
from tests.stand_ins import running_kodey, running_whop
from tests.template import ROOT, load_template, of_type

STACK = "aichats-local"
FUNCTIONS = of_type("AWS::Serverless::Function")
NOT_JUDGED = {
    "logs": "Lambda writes the logs",
    "xray": "Lambda writes the traces",
    "sqs:ReceiveMessage": "the event source polls",
    "sqs:DeleteMessage": "the event source polls",
    "sqs:GetQueueAttributes": "the event source polls",
    "sqs:SendMessage to RunScheduleFailures": "Lambda's destination for failed events",
    "sqs:SendMessage to SweepRunsFailures": "Lambda's destination for failed events",
    "iam:PassRole": "the local cloud does not check it",
}
"""What AWS itself does in the name of a function, and why nothing here can show that it needs it."""

CREATE = {"type": "whop.create_chat", "message_text": "How was the week?"}
LONG = CREATE | {"message_text": "How was the week? " * 100}
"""A text that is kept beside the rows of the runs, and read when one of them goes on."""
ASK_KODEY = {"type": "kodey.create_chat", "message_text": "How was the week?"}
HALF_HOURLY = {"type": "schedule", "expression": "rate(30 minutes)"}
HOURLY = {"type": "schedule", "expression": "rate(1 hour)"}

type Json = dict[str, Any]
type Work = Callable[[World], None]


class Later(datetime):
    """The clock of the code, which a test may put forward."""

    ahead = timedelta(0)

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        return super().now(tz) + cls.ahead


@dataclass(frozen=True)
class Permission:
    """One action on one resource."""

    function: str
    policy: str
    action: str
    resource: str

    def __str__(self) -> str:
        place = re.sub(r"-[0-9A-F]{6,}|:|arn:aws:", ".", self.resource.rsplit(":", maxsplit=1)[-1])
        return f"{self.function} {self.action} {place}"


def pairs(document: Json) -> Iterator[tuple[Json, str, str]]:
    """Return each action on each resource of a policy, with its statement."""
    for statement in document["Statement"]:
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield statement, action, resource


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass
class World:
    """The deployed stack, and what was denied."""

    account: Emulator
    stack: Stack
    denied: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """Variables of all functions that are not as the template has them."""
    _configurations: dict[str, Any] = field(default_factory=dict)
    _credentials: dict[str, dict[str, str]] = field(default_factory=dict)

    @cached_property
    def iam(self) -> Any:
        return self._client("iam")

    @cached_property
    def _sts(self) -> Any:
        return self._client("sts")

    def _client(self, service: str) -> Any:
        own = self.account.environment()
        session: Any = boto3
        return session.client(
            service,
            endpoint_url=self.account.endpoint_url,
            region_name=own["AWS_REGION"],
            aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
            aws_session_token="",
        )

    def configuration(self, function: str) -> Any:
        if function not in self._configurations:
            ask = self.account.clients.functions.get_function_configuration
            self._configurations[function] = ask(FunctionName=self.stack.outputs[function])
        return self._configurations[function]

    def credentials(self, function: str) -> dict[str, str]:
        """Return the credentials that Lambda gives to a function."""
        if function not in self._credentials:
            role = self.configuration(function)["Role"]
            given = self._sts.assume_role(RoleArn=role, RoleSessionName=function)["Credentials"]
            self._credentials[function] = {
                "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
                "AWS_SESSION_TOKEN": given["SessionToken"],
            }
        return self._credentials[function]

    def policies(self, function: str) -> dict[str, Json]:
        role = self.configuration(function)["Role"].rsplit("/", 1)[-1]
        names = self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        return {
            name: self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in sorted(names)
        }

    def permissions(self, function: str) -> list[Permission]:
        return [
            Permission(function, name, action, resource)
            for name, document in self.policies(function).items()
            for _, action, resource in pairs(document)
        ]

    @contextlib.contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """Take a permission away for the ``with`` block."""
        role = self.configuration(permission.function)["Role"].rsplit("/", 1)[-1]
        whole = self.policies(permission.function)[permission.policy]
        rest = [
            statement | {"Action": action, "Resource": resource}
            for statement, action, resource in pairs(whole)
            if (action, resource) != (permission.action, permission.resource)
        ]
        # A policy must have a statement.
        rest = rest or [{"Effect": "Deny", "Action": permission.action, "Resource": permission.resource}]
        self._put(role, permission.policy, whole | {"Statement": rest})
        try:
            yield
        finally:
            self._put(role, permission.policy, whole)

    def _put(self, role: str, name: str, document: Json) -> None:
        self.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    def call(self, function: str, event: Json, *, as_root: bool = False, later: timedelta = timedelta(0)) -> Any:
        """Run a function's code with its role's permissions. What it raises counts for nothing: the denials count."""
        variables = self.configuration(function)["Environment"]["Variables"] | self.account.environment()
        variables |= ({} if as_root else self.credentials(function)) | self.variables
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_SESSION_TOKEN", raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(Later, "ahead", later)
            patch.setattr(times, "datetime", Later)
            with own_application(patch):
                bootstrap._session().register("after-call", self._note)
                try:
                    code = runpy.run_path(str(ROOT / FUNCTIONS[function]["CodeUri"] / "app.py"))
                    return code["lambda_handler"](event, make_context(55))
                except Exception as error:
                    if not self.denied:
                        raise AssertionError(f"{function} failed without a denial") from error
                    return None

    def _note(self, **call: Any) -> None:
        self.called.append(call["model"].name)
        error = call["parsed"].get("Error", {})
        if "AccessDenied" in error.get("Code", ""):
            found = re.search(r"not authorized to perform: (\S+)", error["Message"])
            self.denied.append(found[1] if found else error["Message"])

    def http(self, method: str, path: str, body: object = None, *, as_root: bool = False) -> Json:
        """Return what the HTTP API answers."""
        answer = self.call("HttpApiFunction", http_event(method, path, body), as_root=as_root)
        text: str = answer["body"] if answer else "{}"
        found: Json = json.loads(text) if text else {}
        return found


@contextlib.contextmanager
def own_application(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the next application wire itself anew, and close what it opened."""
    with ExitStack() as opened:
        session = get_session()
        session.register_component("data_loader", LOADER)

        @cache
        def make_client(service: str) -> Any:
            client = MAKE_CLIENT(service)
            opened.callback(client.close)
            return client

        patch.setattr(bootstrap, "_session", lambda: session)
        patch.setattr(bootstrap, "_make_client", make_client)
        bootstrap.application.cache_clear()
        yield
        if bootstrap.application.cache_info().currsize:
            bootstrap.application().transport.close()
        bootstrap.application.cache_clear()


MAKE_CLIENT = bootstrap._make_client.__wrapped__
LOADER = create_loader()
"""One for all sessions: to read the models of the services takes most of the time."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The template, deployed with code that nobody calls: the functions run here."""
    folder = tmp_path_factory.mktemp("build")
    (folder / "template.yaml").write_text(json.dumps(load_template()))
    for name, resource in load_template()["Resources"].items():
        if resource["Type"] in CODE:
            (folder / f"{name}.zip").write_bytes(empty_zip())
    with ExitStack() as running:
        whop, kodey = running.enter_context(running_whop()), running.enter_context(running_kodey())
        account = running.enter_context(Emulator())
        urls = {"WhopBaseUrl": whop.base_url, "KodeyBaseUrl": kodey.base_url}
        stack = deploy(account.clients, Build(Path(folder)), STACK, urls)
        fill_secrets(account.clients, stack)
        for source in account.clients.functions.list_event_source_mappings()["EventSourceMappings"]:
            account.clients.functions.delete_event_source_mapping(UUID=source["UUID"])
        yield World(account, stack)


def empty_zip() -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("app.py", "")
        return file.getvalue()


# ---- what the functions do in normal work; each is called until the denial shows


def a_schedule_creates_a_chat(world: World) -> None:
    fire(world, CREATE, "biz_A")


def a_schedule_s_event_comes_twice(world: World) -> None:
    same = schedule_event(LONG, "biz_A")
    world.call("RunScheduleFunction", same)
    world.call("RunScheduleFunction", same)


def a_schedule_creates_many_chats(world: World) -> None:
    fire(world, CREATE, "biz_A", "biz_B")


def a_schedule_asks_kodey_for_many(world: World) -> None:
    fire(world, ASK_KODEY, "agent_1", "agent_2")


def an_automation_fires(world: World) -> None:
    name = automation(world, HOURLY, CREATE, "biz_A")
    slot = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    world.call("RunScheduleFunction", {"automation": name, "scheduled_time": slot})


def fire(world: World, action: Json, *targets: str) -> None:
    world.call("RunScheduleFunction", schedule_event(action, *targets))


def schedule_event(action: Json, *targets: str) -> Json:
    slot = "2026-11-20T09:00:00Z"
    return {"automation": unique("by-hand"), "scheduled_time": slot, "action": action, "targets": targets}


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}"


def automation(world: World, trigger: Json, action: Json, *targets: str, as_root: bool = True) -> str:
    """Put an automation. Return its name."""
    name = unique("automation")
    body = {"trigger": trigger, "action": action, "targets": targets}
    world.http("PUT", f"/automations/{name}", body, as_root=as_root)
    return name


def queued(world: World, action: Json, *targets: str) -> Json:
    """Return an event of SQS with the messages of new runs."""
    ids = world.http("POST", "/runs", {"action": action, "targets": targets}, as_root=True)["run_ids"]
    return messages(*(json.dumps({"version": 1, "run_id": run}) for run in ids))


def messages(*bodies: str) -> Json:
    example: Json = json.loads((ROOT / "events" / "sqs" / "perform_runs.json").read_text())
    return {"Records": [example["Records"][0] | {"messageId": str(uuid.uuid4()), "body": body} for body in bodies]}


def performing(function: str) -> list[Work]:
    def a_chat_is_created(world: World) -> None:
        world.call(function, queued(world, LONG, "biz_A"))

    def kodey_is_asked(world: World) -> None:
        world.call(function, queued(world, ASK_KODEY, "agent_1"))

    def a_message_cannot_be_read(world: World) -> None:
        world.call(function, messages("not ours"))

    def a_run_must_wait(world: World) -> None:
        message = queued(world, CREATE, "biz_A")
        with no_provider(world):
            world.call(function, message)

    def a_slow_run_must_wait(world: World) -> None:
        message = queued(world, ASK_KODEY, "agent_1")
        with no_provider(world):
            world.call(function, message)

    return [a_chat_is_created, kodey_is_asked, a_message_cannot_be_read, a_run_must_wait, a_slow_run_must_wait]


@contextlib.contextmanager
def no_provider(world: World) -> Iterator[None]:
    """Let no provider answer for the ``with`` block."""
    world.variables |= {"WHOP_BASE_URL": "http://127.0.0.1:9/api/v1", "KODEY_BASE_URL": "http://127.0.0.1:9"}
    try:
        yield
    finally:
        world.variables.clear()


def the_sweep_finds_runs_that_nobody_performed(world: World) -> None:
    queued(world, CREATE, "biz_A")
    queued(world, ASK_KODEY, "agent_1")
    sweep(world)


def the_sweep_finds_schedules_that_came_apart(world: World) -> None:
    schedules, group = world.account.clients.schedules, world.stack.outputs["ScheduleGroup"]
    gone, changed = (automation(world, HALF_HOURLY, CREATE, "biz_A") for _ in range(2))
    schedules.delete_schedule(Name=f"{STACK}-automation-{gone}", GroupName=group)
    found: Json = {**schedules.get_schedule(Name=f"{STACK}-automation-{changed}", GroupName=group)}
    known = ("Name", "GroupName", "FlexibleTimeWindow", "Target")
    schedules.update_schedule(**{key: found[key] for key in known}, ScheduleExpression="rate(7 minutes)")
    orphan = {key: found[key] for key in known} | {"Name": f"{STACK}-automation-{unique('orphan')}"}
    schedules.create_schedule(**orphan, ScheduleExpression="rate(7 minutes)")
    sweep(world)


def the_sweep_ends_a_deletion_that_was_interrupted(world: World) -> None:
    name = automation(world, HOURLY, CREATE, "biz_A")
    world.account.clients.dynamodb.update_item(
        TableName=world.stack.outputs["AutomationsTable"],
        Key={"name": {"S": name}},
        UpdateExpression="SET #state = :deleting",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":deleting": {"S": "deleting"}},
    )
    sweep(world)


def sweep(world: World) -> None:
    world.call("SweepRunsFunction", {}, later=timedelta(hours=2))


def a_client_creates_a_chat(world: World) -> None:
    world.http("POST", "/chats", {"message_text": "How was the week?"})


def a_client_lists_chats_of_kodey(world: World) -> None:
    world.http("GET", "/kodey/chats")


def a_client_starts_many_runs(world: World) -> None:
    world.http("POST", "/runs", {"action": CREATE, "targets": ["biz_A", "biz_B"]})


def a_client_starts_slow_runs(world: World) -> None:
    world.http("POST", "/runs", {"action": ASK_KODEY, "targets": ["agent_1"]})


def a_client_looks_at_runs(world: World) -> None:
    world.http("GET", "/runs")
    [run] = world.http("POST", "/runs", {"action": CREATE, "targets": ["biz_A"]}, as_root=True)["run_ids"]
    world.http("GET", f"/runs/{run}")


def a_client_changes_automations(world: World) -> None:
    name = automation(world, HALF_HOURLY, CREATE, "biz_A", as_root=False)
    path = f"/automations/{name}"
    world.http("PUT", path, {"trigger": HOURLY, "action": CREATE, "targets": ["biz_A"]})
    world.http("GET", path)
    world.http("GET", "/automations")
    world.http("DELETE", path)


def a_webhook_sets_off_automations(world: World) -> None:
    for action, target in ((CREATE, "biz_A"), (ASK_KODEY, "agent_1")):
        automation(world, {"type": "webhook", "events": ["payment.failed"]}, action, target)
    delivery = signed(event("payment.failed", data={"id": "pay_1"}), WEBHOOK_SECRET)
    sent = http_event("POST", PATH, delivery.body.decode(), token=None, headers=delivery.headers)
    world.call("ReceiveWebhookFunction", sent)


NORMAL_WORK: dict[str, list[Work]] = {
    "RunScheduleFunction": [
        a_schedule_creates_a_chat,
        a_schedule_creates_many_chats,
        a_schedule_asks_kodey_for_many,
        an_automation_fires,
        a_schedule_s_event_comes_twice,
    ],
    "PerformRunsFunction": performing("PerformRunsFunction"),
    "PerformSlowRunsFunction": performing("PerformSlowRunsFunction"),
    "SweepRunsFunction": [
        the_sweep_finds_runs_that_nobody_performed,
        the_sweep_finds_schedules_that_came_apart,
        the_sweep_ends_a_deletion_that_was_interrupted,
    ],
    "HttpApiFunction": [
        a_client_creates_a_chat,
        a_client_lists_chats_of_kodey,
        a_client_starts_many_runs,
        a_client_starts_slow_runs,
        a_client_looks_at_runs,
        a_client_changes_automations,
    ],
    "ReceiveWebhookFunction": [a_webhook_sets_off_automations],
}


@pytest.mark.parametrize("function", NORMAL_WORK)
def test_normal_work_needs_each_permission_and_no_other(world: World, function: str) -> None:
    used = {work: operations(world, work) for work in NORMAL_WORK[function]}
    assert world.denied == []
    judged = [each for each in world.permissions(function) if not is_judged_elsewhere(world, each)]
    spare = [str(permission) for permission in judged if not is_missed(world, permission, used)]
    assert judged
    assert spare == []


def operations(world: World, work: Work) -> set[str]:
    """Do some work. Return the operations of AWS that it called."""
    world.called.clear()
    work(world)
    return set(world.called)


def is_missed(world: World, permission: Permission, used: dict[Work, set[str]]) -> bool:
    """Return whether the function is denied what was taken away."""
    operation = permission.action.split(":")[1]
    with world.without(permission):
        # First what called the operation by its name: it may also be part of a transaction.
        for work in sorted(used, key=lambda work: operation not in used[work]):
            world.denied.clear()
            work(world)
            if world.denied:
                assert set(world.denied) == {permission.action}
                world.denied.clear()
                return True
    return False


def is_judged_elsewhere(world: World, permission: Permission) -> bool:
    [*names] = [name for name, arn in queue_arns(world).items() if arn == permission.resource]
    keys = {permission.action, permission.action.split(":")[0], *(f"{permission.action} to {name}" for name in names)}
    return bool(keys & NOT_JUDGED.keys())


def queue_arns(world: World) -> dict[str, str]:
    return {
        name: f"arn:aws:sqs:eu-west-1:000000000000:{world.stack.resources[name].rsplit('/', maxsplit=1)[-1]}"
        for name in of_type("AWS::SQS::Queue")
    }


def test_every_function_is_judged() -> None:
    assert NORMAL_WORK.keys() == FUNCTIONS.keys()
