"""The parts of webhook events that aichats keeps for runs whose texts cannot be rendered.

After the automation is fixed, these runs are replayed with the kept part of their event.
"""

from aichats.automations.model import Automation, WebhookTrigger
from aichats.automations.run_factory import Occurrence
from aichats.runs.ledger.events import KeptEvent
from aichats.templates.paths import Path, pruned, used_paths, used_paths_of_text
from aichats.templates.render import texts

ALWAYS: tuple[Path, ...] = (("id",), ("type",), ("timestamp",), ("account_id",), ("company_id",))
"""The fields that are kept of every event."""


def kept_event(automation: Automation, occurrence: Occurrence) -> KeptEvent:
    """Return the part of an event that an automation uses."""
    webhook_id, _ = occurrence.unique
    fields = sorted({*event_fields(automation), *ALWAYS})
    return KeptEvent(webhook_id, pruned(occurrence.event or {}, fields), tuple(fields))


def event_fields(automation: Automation) -> set[Path]:
    """Return the paths of the parts of events that the filter and the texts of an automation use."""
    fields = automation.action.as_json()
    used = set[Path]().union(*(used_paths_of_text(text) for _, text in texts([fields, automation.targets])))
    in_event = {path[1:] for path in used if path[:1] in ((), ("event",))}
    filter_ = automation.trigger.filter if isinstance(automation.trigger, WebhookTrigger) else None
    return in_event | (used_paths(filter_) if filter_ else set())
