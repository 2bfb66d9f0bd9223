"""The one place where things are wired together. Nothing is built when a module is imported.

What has to do with automations is imported where it is used: the functions that only perform runs need nothing of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

from aichats.aws.clients import aws_client
from aichats.aws.secrets import KODEY, WEBHOOK, WHOP, SecretStore, WhopSecret, kodey_token, whop_token
from aichats.errors import SecretError
from aichats.http import BaseTransport
from aichats.http.deadline import time_limit
from aichats.http.transport import DeadlineTransport
from aichats.kodey import KodeyClient
from aichats.kodey.keys import CALLS_PER_MINUTE, key_kind
from aichats.runs.actions import Action
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.changes import Changes
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.messages import Messages
from aichats.runs.perform import Performer
from aichats.runs.providers.kodey import KodeyProvider
from aichats.runs.providers.marks import preparation
from aichats.runs.providers.port import Provider
from aichats.runs.providers.whop import WhopProvider
from aichats.runs.queue import EventMessage, Queue
from aichats.runs.stranded import StrandedRuns
from aichats.settings import Settings
from aichats.whop import WhopClient
from aichats.whop.client import check_agent_identifier
from aichats.whop.models import NewChat

if TYPE_CHECKING:
    from aichats.automations.missed import MissedSlots
    from aichats.automations.reconcile import AutomationService
    from aichats.automations.run_factory import RunFactory
    from aichats.automations.schedule_events import ScheduleEvents
    from aichats.automations.sweep import Sweep
    from aichats.automations.table import AutomationTable
    from aichats.automations.webhook_events import WebhookEvents

INIT_SECONDS = 3.0
"""For the secret that is read in the init phase, which Lambda ends after 10 seconds."""


@dataclass
class Application:
    """What the functions work with: one for a container."""

    settings: Settings
    secrets: SecretStore
    transport: BaseTransport
    ledger: Ledger
    queue: Queue
    _whop: dict[tuple[str | None, str], WhopClient] = field(default_factory=dict)

    def whop(self, company_id: str | None = None, api_version: str = "") -> WhopClient:
        """The client with the credential for a company, and the configured API version or another one.

        All clients share one connection pool.

        Raises:
            SecretError: the secret with the credentials cannot be used.
        """
        version = api_version or self.settings.whop_api_version
        # Companies without a credential of their own share one client, so there are never more than credentials.
        owner = company_id if company_id in self._whop_secret().companies else None
        if (owner, version) not in self._whop:
            self._whop[owner, version] = WhopClient(
                token=whop_token(self.secrets, self.settings.whop_secret, owner),
                base_url=self.settings.whop_base_url,
                api_version=version,
                timeout=self.settings.whop_timeout_seconds,
                transport=self.transport,
            )
        return self._whop[owner, version]

    @cached_property
    def kodey(self) -> KodeyClient:
        """The client of Kodey."""
        return KodeyClient(
            token=kodey_token(self.secrets, self.settings.kodey_secret),
            base_url=self.settings.kodey_base_url,
            timeout=self.settings.kodey_timeout_seconds,
            answer_timeout=self.settings.kodey_answer_seconds,
            transport=self.transport,
        )

    def api_version(self, action: Action) -> str | None:
        """The version of the provider's API by which a new run of the action is performed; ``None``: it has none."""
        return {"whop": self.settings.whop_api_version}.get(action.type.partition(".")[0])

    def check_action(self, action: Action, within: str = "action.") -> None:
        """Check that the version of the provider's API by which new runs are performed knows all of an action's fields.

        Raises:
            InputError: it does not; names the field, after ``within``.
        """
        if isinstance(action, NewChat):
            field = f"{within}agent_identifier"
            check_agent_identifier(action.agent_identifier, self.settings.whop_api_version, field)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """What performs runs."""
        actions: dict[str, Provider] = {"whop": self._whop_actions(), "kodey": self._kodey_actions()}
        return Dispatcher(self.ledger, Performer(self.ledger, actions, self._in_rotation), self.queue)

    @cached_property
    def messages(self) -> Messages:
        """What handles messages of the run queues."""
        return Messages(self.dispatcher, self._render)

    @cached_property
    def changes(self) -> Changes:
        """The latest changes of chats."""
        return Changes(self.ledger)

    @cached_property
    def run_factory(self) -> RunFactory:
        """What makes the runs of automations."""
        from aichats.automations.run_factory import RunFactory

        return RunFactory(self.api_version, self.settings.max_message_bytes)

    @cached_property
    def automation_table(self) -> AutomationTable:
        """The automations."""
        from aichats.automations.table import AutomationTable

        return AutomationTable(aws_client("dynamodb"), self.settings.automations_table)

    @cached_property
    def automations(self) -> AutomationService:
        """What changes automations, with their schedules."""
        from aichats.automations.reconcile import AutomationService
        from aichats.automations.scheduler import Schedules

        settings = self.settings
        schedules = Schedules(
            client=aws_client("scheduler"),
            stack=settings.schedule_group,
            group=settings.schedule_group,
            target_arn=settings.run_schedule_arn,
            role_arn=settings.scheduler_role_arn,
            dead_letters_arn=settings.schedule_dead_letters_arn,
        )
        return AutomationService(self.automation_table, schedules)

    @cached_property
    def schedule_events(self) -> ScheduleEvents:
        """What reads the events of schedules."""
        from aichats.automations.schedule_events import ScheduleEvents

        longest = self.settings.max_message_bytes
        return ScheduleEvents(
            self.ledger, self.api_version, longest, lambda: self.automation_table, lambda: self.run_factory
        )

    @cached_property
    def webhook_events(self) -> WebhookEvents:
        """The automations that listen to events."""
        from aichats.automations.webhook_events import WebhookEvents

        return WebhookEvents(self.automation_table, self.ledger, self.dispatcher, self.run_factory)

    @cached_property
    def missed_slots(self) -> MissedSlots:
        """What looks for slots that did not fire."""
        from aichats.automations.missed import MissedSlots

        grace = timedelta(seconds=self.settings.missed_grace_seconds)
        return MissedSlots(self.automation_table, self.ledger, self.dispatcher, self.run_factory, grace)

    @cached_property
    def sweep(self) -> Sweep:
        """What is looked after every few minutes."""
        from aichats.automations.sweep import Sweep
        from aichats.automations.sweep_part import SweepProgress

        progress = SweepProgress(self.ledger.items)
        return Sweep(self.stranded_runs, self.automation_table, self.missed_slots, self.automations, progress)

    @cached_property
    def stranded_runs(self) -> StrandedRuns:
        """What looks for stranded runs."""
        return StrandedRuns(self.ledger, self.dispatcher)

    def _render(self, message: EventMessage) -> None:
        self.webhook_events.render(message)

    def _whop_actions(self) -> WhopProvider:
        return WhopProvider(
            client_for=self.whop,
            call_limit=timedelta(seconds=self.settings.whop_timeout_seconds),
            ledger=self.ledger,
            credential_of=self._whop_credential,
        )

    def _whop_credential(self, company_id: str | None) -> str:
        """Name the credential for a company: by the company if it has its own."""
        return company_id if company_id and company_id in self._whop_secret().companies else "default"

    def _kodey_actions(self) -> KodeyProvider:
        return KodeyProvider(
            client=lambda: self.kodey,
            call_limit=timedelta(seconds=self.settings.kodey_timeout_seconds),
            answer_limit=timedelta(seconds=self.settings.kodey_answer_seconds),
            settle=timedelta(seconds=self.settings.kodey_settle_seconds),
            calls_per_minute=self._kodey_calls_per_minute,
        )

    def _kodey_calls_per_minute(self) -> int:
        if not self.settings.kodey_secret:
            return CALLS_PER_MINUTE["unknown"]
        try:
            return CALLS_PER_MINUTE[key_kind(self.secrets.read(self.settings.kodey_secret, KODEY).api_key)]
        except SecretError:
            # The run itself reports what is wrong with it.
            return CALLS_PER_MINUTE["unknown"]

    def _in_rotation(self, provider: str) -> bool:
        secrets = {"whop": (self.settings.whop_secret, WHOP), "kodey": (self.settings.kodey_secret, KODEY)}
        return self.secrets.in_rotation(*secrets[provider])

    def _whop_secret(self) -> WhopSecret:
        return self.secrets.read(self.settings.whop_secret, WHOP)


@cache
def application() -> Application:
    """The application as the environment describes it; called once in the init phase, which has the full CPU.

    Raises:
        ConfigurationError: the environment is incomplete or wrong.
    """
    settings = Settings.from_environment()
    secrets = SecretStore(aws_client("secretsmanager"))
    if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
        # The first call to AWS costs most, and the init phase has the full CPU. A broken secret is told by the handler.
        with suppress(SecretError), time_limit(INIT_SECONDS):
            _read_first(secrets, settings)
    return Application(
        settings=settings,
        secrets=secrets,
        transport=DeadlineTransport(),
        ledger=Ledger(
            aws_client("dynamodb"),
            settings.runs_table,
            timedelta(seconds=settings.settle_seconds),
            prepare=preparation(settings.runs_table, mark_titles=settings.title_mark == "clean"),
        ),
        queue=Queue(
            lambda: aws_client("sqs"),
            settings.run_queue_url,
            settings.slow_run_queue_url,
            settings.run_dead_letters_url,
        ),
    )


def _read_first(secrets: SecretStore, settings: Settings) -> None:
    if settings.webhook_secret:
        secrets.read(settings.webhook_secret, WEBHOOK)
    elif settings.whop_secret:
        secrets.read(settings.whop_secret, WHOP)
    elif settings.kodey_secret:
        secrets.read(settings.kodey_secret, KODEY)
