"""In normal work no function lacks a permission, and none has one to spare.

The functions run in this process, each with the credentials of its role on the local cloud, which judges every call by
the policies of the deployed template. Then each permission is taken away in turn, and the calls that the function made
are made again with its role: one of them must be denied.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from local.cloud.build import CODE, Build
from local.cloud.deploy import deploy
from local.cloud.emulator import ACCOUNT, REGION, Emulator
from local.system import STACK, WHOP, System, fill_secrets
from tests.support.mock_servers import ATTACHMENTS_BUCKET, running_kodey, running_whop
from tests.support.normal_work import NORMAL_WORK, a_webhook_sets_off_automations, put_object
from tests.support.roles import FUNCTIONS, Permission, Roles
from tests.support.template import load_template, of_type

NOT_JUDGED = {
    "logs": "Lambda writes the logs",
    "xray": "Lambda writes the traces",
    "sqs:ReceiveMessage": "the event source polls",
    "sqs:DeleteMessage": "the event source polls",
    "sqs:GetQueueAttributes": "the event source polls",
    "sqs:SendMessage to RunScheduleFailures": "Lambda's destination for failed events",
    "sqs:SendMessage to SweepRunsFailures": "Lambda's destination for failed events",
    "sqs:SendMessage to RefreshTokensFailures": "Lambda's destination for failed events",
    "sqs:SendMessage to PublishEventsFailures": "Lambda's destination for positions of the stream",
    "dynamodb:DescribeStream": "the event source polls",
    "dynamodb:GetRecords": "the event source polls",
    "dynamodb:GetShardIterator": "the event source polls",
    "dynamodb:ListStreams": "AWS checks it when it creates the event source, but the local cloud does not",
    "iam:PassRole": "the local cloud does not check it",
}
"""Permissions that no call of the functions' code can show to be needed here, each with the reason."""


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    """The template, deployed with code that is never called: the functions run here."""
    folder = tmp_path_factory.mktemp("build")
    (folder / "template.yaml").write_text(json.dumps(load_template()))
    for name, resource in load_template()["Resources"].items():
        if resource["Type"] in CODE:
            (folder / f"{name}.zip").write_bytes(empty_zip())
    with ExitStack() as running:
        whop, kodey = running.enter_context(running_whop()), running.enter_context(running_kodey())
        account = running.enter_context(Emulator())
        parameters = {
            "WhopBaseUrl": whop.base_url,
            "KodeyBaseUrl": kodey.base_url,
            "AttachmentsBucket": ATTACHMENTS_BUCKET,
        }
        stack = deploy(account.clients, Build(folder), STACK, parameters)
        put_object(account.clients)
        fill_secrets(account.clients, stack)
        for source in account.clients.functions.list_event_source_mappings()["EventSourceMappings"]:
            account.clients.functions.delete_event_source_mapping(UUID=source["UUID"])
        yield Roles(System(account, stack, {WHOP: whop.origin}, ""))


def empty_zip() -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("app.py", "")
        return file.getvalue()


@pytest.fixture(scope="module", params=NORMAL_WORK)
def function(request: pytest.FixtureRequest, roles: Roles) -> str:
    """Each function in turn, after it did its normal work."""
    name: str = request.param
    roles.denied.clear()
    for work in NORMAL_WORK[name]:
        work(roles)
    return name


def test_in_normal_work_nothing_is_denied(function: str, roles: Roles) -> None:
    assert roles.made[function]
    assert roles.denied == []


def test_normal_work_needs_each_permission(function: str, roles: Roles) -> None:
    judged = [each for each in roles.permissions(function) if not reasons(roles, each)]
    assert judged
    assert [str(permission) for permission in judged if roles.is_spare(permission)] == []


def test_a_call_that_is_denied_to_a_function_is_noticed(roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    function, action = "ReceiveWebhookFunction", "secretsmanager:GetSecretValue"
    [secret] = [each for each in roles.permissions(function) if each.action == action]
    monkeypatch.setattr(roles, "denied", [])
    with roles.without(secret):
        a_webhook_sets_off_automations(roles)
    assert [action in message for message in roles.denied] == [True]


def test_all_that_is_not_judged_is_there(roles: Roles) -> None:
    found = [reasons(roles, permission) for name in FUNCTIONS for permission in roles.permissions(name)]
    assert set[str]().union(*found) == NOT_JUDGED.keys()


def test_every_function_is_judged() -> None:
    assert NORMAL_WORK.keys() == FUNCTIONS.keys()


def reasons(roles: Roles, permission: Permission) -> set[str]:
    """Return the entry of a permission in NOT_JUDGED; nothing if it is judged."""
    queue = queues(roles).get(permission.resource)
    names = {permission.action, permission.action.split(":")[0], f"{permission.action} to {queue}"}
    return names & NOT_JUDGED.keys()


def queues(roles: Roles) -> dict[str, str]:
    """Return the logical ids of the stack's queues by their ARNs."""
    urls = {name: roles.stack.resources[name] for name in of_type("AWS::SQS::Queue")}
    return {f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', maxsplit=1)[-1]}": name for name, url in urls.items()}
