"""The next step for a run: what to fix, and which command to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.wait import look_again

if TYPE_CHECKING:
    from aichats_cli.models import RunDetails, RunView

PROVIDER_DOWN = "Replay the run when {provider} works again."
ADVICE = {
    "AuthenticationError": "Store a valid key (aichats admin secret set {name}), or connect the account again "
    "(aichats admin connect). Then replay the run.",
    "PermissionDeniedError": "Connect a Whop account that has the scope (aichats admin connect), or store a key that "
    "has it (aichats admin secret set {name}). Then replay the run.",
    "NotFoundError": "Check the target: {target} doesn't exist, or the key may not see it. Fix the automation, or "
    "store the key of the company. Then replay the run.",
    "BadRequestError": "Fix the field that the message names, in the automation. Its next run uses the fix.",
    "UnprocessableEntityError": "Fix what the message names: a field of the automation, or the account at {provider}. "
    "Then replay the run.",
    "ConflictError": "The state of the chat doesn't allow the change. Fix the cause, then replay the run.",
    "GoneError": "{provider} retired this version of its API. Deploy the stack with a newer WhopApiVersion, then "
    "replay the run.",
    "RateLimitError": "{provider} limited the stack for 24 hours. Spread the load over the day, then replay the run.",
    "InternalServerError": PROVIDER_DOWN,
    "APIConnectionError": PROVIDER_DOWN,
    "APITimeoutError": PROVIDER_DOWN,
    "OutcomeUnknownError": "Look for the chat at {provider}. Then record what you found, or replay the run: aichats "
    "looks for the chat before it creates one.",
    "ProtocolError": "{provider} answered in a form that this version of aichats can't read. Check the chat, and "
    "upgrade aichats.",
    "AttachmentError": "Fix the file that the message names, then replay the run. If the automation names the wrong "
    "file, fix the automation: its next run uses the fix.",
    "SecretError": "Store the secret that the message names (aichats admin secret set {name}), then replay the run.",
    "SecretUnavailableError": "Check the connection to {provider} (aichats admin doctor), then replay the run.",
    "RenderError": "Fix the text of the automation ({automation_shown}), then replay the run: aichats fills in the "
    "fixed text.",
    "InputError": "The filled-in text or value isn't valid. Fix the automation ({automation_shown}), then replay the "
    "run: aichats fills in the fixed text.",
    "SupersededError": "A newer run changed the same chat, so you don't need to do anything.",
    "Missed": "Replay the run if you still want it. If slots are missed again, check the stack: aichats admin doctor.",
    "Skipped": "Replay the run if you want it after all.",
    "Cancelled": "A cancelled run is final. To do its work after all, start the automation: {run_again}.",
    "GivenUp": "Find the cause in the log (aichats logs --run {run_id}), then replay the run.",
    "Resolved": "A person recorded that the chat doesn't exist. Replay the run to try again.",
    "NotYetError": "The run waited for 24 hours in vain. Fix what the message names, then replay the run.",
    "APIStatusError": "{provider} rejects the call. Fix what the message names, then replay the run.",
    "AichatsError": "Fix the cause that the message names, then replay the run.",
}
"""The advice for each type of error, which docs/operations/by-error.md explains."""
UNKNOWN_TYPE = "Read the message. If it names a cause, fix it, then replay the run."
BY_STATUS = {"missed": "Missed", "skipped": "Skipped", "cancelled": "Cancelled", "unknown": "OutcomeUnknownError"}


def advice(run: RunView | RunDetails) -> str | None:
    """Return what a person can do about a run, in a sentence or two: ``None`` if there is nothing to do."""
    if run["status"] in {"succeeded", "pending", "performing"}:
        return None
    error = run["error"] or {}
    if error.get("replaced_by"):
        return "Other runs replaced this run, so you don't need to do anything with it."
    kind = BY_STATUS.get(run["status"]) or str(error.get("type", ""))
    name = provider_of(run)
    return ADVICE.get(kind, UNKNOWN_TYPE).format(
        name=name,
        provider=name.capitalize(),
        target=run["target"] or "the target",
        run_id=run["run_id"],
        automation_shown=f"aichats auto show {run['automation'] or 'NAME'}",
        run_again=f"aichats auto run {run['automation'] or 'NAME'}",
    )


def provider_of(run: RunView | RunDetails) -> str:
    """Return the name of a run's provider, such as ``whop``."""
    return run["action"].partition(".")[0]


def next_commands(run: RunView | RunDetails) -> dict[str, str]:
    """Return commands to type about a run, each with what it does."""
    run_id = run["run_id"]
    replay = {f"aichats runs replay {run_id}": "perform it again"}
    match run["status"]:
        case "pending" | "performing":
            commands = {
                f"aichats runs watch {run_id}": "watch it until it ends",
                f"aichats runs cancel {run_id}": "cancel it, if it has not begun",
            }
        case "unknown":
            commands = {
                f"aichats runs resolve {run_id} --succeeded --chat {run['chat_id'] or 'CHAT'}": "the chat exists",
                f"aichats runs resolve {run_id} --failed": "the chat doesn't exist",
                **replay,
            }
        case "succeeded":
            is_whop = run["chat_id"] and provider_of(run) == "whop"
            commands = {f"aichats chats show {run['chat_id']}": "show the chat"} if is_whop else {}
        case "cancelled":
            commands = {}
        case _:
            replaced = (run["error"] or {}).get("replaced_by")
            commands = {look_again(replaced): "watch the new runs"} if replaced else replay
    return commands
