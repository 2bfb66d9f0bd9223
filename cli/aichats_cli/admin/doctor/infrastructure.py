"""Checks of the stack itself: its state and version, its functions, their event sources, and the account's quota."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from aichats_cli.admin.doctor.findings import RESTORE, Finding, fail, fine, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats_cli.admin.doctor.examined import ExaminedStack

FUNCTIONS = (
    "RunScheduleFunction",
    "PerformRunsFunction",
    "PerformSlowRunsFunction",
    "SweepRunsFunction",
    "RefreshTokensFunction",
    "HttpApiFunction",
    "ReceiveWebhookFunction",
    "PublishEventsFunction",
    "DeliverEventsFunction",
)
"""The outputs that name functions."""
CONSUMERS = {
    "PerformRunsFunction": ("messages", "runs"),
    "PerformSlowRunsFunction": ("messages", "runs"),
    "PublishEventsFunction": ("changes", "events"),
    "DeliverEventsFunction": ("messages", "deliveries"),
}
"""The outputs that name functions with queues or streams as their event sources: what they receive, and what waits."""
COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
OTHER_FUNCTIONS = 11
"""The concurrent executions that the functions without a parameter need: one each for schedules, sweep, renewal, API
and webhooks, one for each of the two streams, and two for each queue of deliveries."""


NEW_ACCOUNT = 10
"""The concurrent executions of a new AWS account, for all of its functions."""


def check_state(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the stack is complete, and of the version of this command."""
    yield _state(stack)
    deployed, ours = stack.output("Version"), version("aichats-cli")
    if deployed == ours:
        yield fine(f"version {ours}, as this command")
    else:
        yield warn(f"version {deployed} is deployed, and this command is {ours}", stack.deploy)


def _state(stack: ExaminedStack) -> Finding:
    status = stack.description["StackStatus"]
    if status in COMPLETE:
        return fine(status)
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return warn(f"{status}: the last deployment failed, so the code is older than you expect", stack.deploy)
    if status == "IMPORT_COMPLETE":
        return fail(f"{status}: only the kept secrets and tables exist", stack.deploy)
    if status.endswith("_IN_PROGRESS"):
        return warn(f"{status}: a deployment is running", f"wait, then type: {stack.command('doctor')}")
    events = f"aws cloudformation describe-stack-events --stack-name {stack.name}"
    return fail(f"{status}: the stack doesn't work as deployed", f"find the reason with: {events}")


def check_functions(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that Lambda can run each function."""
    problems = [problem for name in FUNCTIONS for problem in _function_problems(stack, name)]
    yield from problems
    if not problems:
        yield fine(f"all {len(FUNCTIONS)} are active")


def _function_problems(stack: ExaminedStack, name: str) -> Iterator[Finding]:
    function = stack.aws.functions.get_function_configuration(FunctionName=stack.output(name))
    state = function.get("State", "Active")
    if state in ("Pending", "Inactive"):
        yield warn(f"{name} is {state}. Lambda activates it at its next event")
    elif state != "Active":
        yield fail(f"{name} is {state}: {function.get('StateReason')}", stack.deploy)
    if function.get("LastUpdateStatus") == "Failed":
        yield fail(f"{name}: its last update failed: {function.get('LastUpdateStatusReason')}", stack.deploy)


def check_event_sources(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the functions for queues and streams receive what they must handle."""
    for name, (received, waiting) in CONSUMERS.items():
        function = stack.output(name)
        mappings = stack.aws.functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        if not mappings:
            yield fail(f"{name} has no event source, so its {waiting} wait", RESTORE)
        states = {mapping.get("UUID", ""): mapping.get("State", "Enabled") for mapping in mappings}
        for identifier, state in states.items():
            if state in ("Disabled", "Disabling"):
                enable = f"aws lambda update-event-source-mapping --enabled --uuid {identifier}"
                yield fail(f"{name}'s event source is {state}, so its {waiting} wait", enable)
            elif state != "Enabled":
                yield warn(f"{name}'s event source is {state}", f"wait, then type: {stack.command('doctor')}")
        if set(states.values()) == {"Enabled"}:
            yield fine(f"{name} receives {received}")


def check_quota(stack: ExaminedStack) -> Iterator[Finding]:
    """Check that the account may run as many functions at the same time as the stack's parameters allow."""
    limit = int(stack.aws.functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])
    batches = sum(int(stack.parameters[name]) for name in ("MaxConcurrency", "MaxSlowConcurrency"))
    needed = batches + OTHER_FUNCTIONS
    text = f"{limit} concurrent executions in this account and region"
    if limit < needed or limit <= NEW_ACCOUNT:
        raise_it = "raise the quota 'Concurrent executions' of Lambda in the console of Service Quotas"
        yield warn(f"{text}; the stack may need {needed}, and other stacks share them", raise_it)
    else:
        yield fine(text)
