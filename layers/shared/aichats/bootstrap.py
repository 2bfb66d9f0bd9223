"""The wiring: the one place where objects are connected. Importing a module builds nothing.

Modules are imported where they are used: not every function needs each of them, and the first secret is on its way
while the others are imported.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

from aichats.aws.clients import aws_client
from aichats.aws.secrets import SecretStore
from aichats.http.transport import DeadlineTransport
from aichats.init_phase import InitPhase
from aichats.runs.stack_secrets import first_secrets
from aichats.settings import (
    BudgetSettings,
    EventSettings,
    HttpApiSettings,
    ReceiverSettings,
    RenewalSettings,
    ReplySettings,
    ScheduleSettings,
    Settings,
    SigningSettings,
    SweepSettings,
    WebhookSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats.automations.last_runs import LastRuns
    from aichats.automations.missed import MissedSlots
    from aichats.automations.reconcile import AutomationService
    from aichats.automations.run_factory import RunFactory
    from aichats.automations.schedule_events import ScheduleEvents
    from aichats.automations.sweep import Sweep
    from aichats.automations.table import AutomationTable
    from aichats.automations.unrendered_runs import UnrenderedRuns
    from aichats.automations.webhook_events import WebhookEvents
    from aichats.automations.webhook_index import WebhookIndex
    from aichats.events.log import EventLog
    from aichats.http import BaseTransport
    from aichats.outbox.budget_events import BudgetEvents
    from aichats.outbox.publish import Publisher
    from aichats.outgoing import Outgoing
    from aichats.runs.action import Action
    from aichats.runs.dispatch import Dispatcher
    from aichats.runs.ledger.history import History
    from aichats.runs.ledger.jobs import Jobs
    from aichats.runs.ledger.ledger import Ledger
    from aichats.runs.ledger.rows import Row
    from aichats.runs.messages import MessageHandler
    from aichats.runs.providers.provider import Provider
    from aichats.runs.queue import Queue
    from aichats.runs.queue_messages import EventMessage, JobMessage, WatchMessage
    from aichats.runs.replay import Replayed, Replays, ReplayTerms
    from aichats.runs.stack_pause import StackPause
    from aichats.runs.stranded import StrandedRuns
    from aichats.subscriptions.table import SubscriptionTable
    from aichats.whop.renewal import Renewals


@dataclass
class Application:
    """The objects of a function. A container has one application.

    Attributes:
        environment: the environment variables. Each function reads only the settings that it needs.
        settings: the settings that all functions share.
        providers: the providers by their names.
        init_phase: the init phase of the function.
        early: the reads of secrets that began in the init phase.
    """

    environment: Mapping[str, str] = field(repr=False)
    secrets: SecretStore
    transport: BaseTransport
    ledger: Ledger
    queue: Queue
    settings: Settings
    providers: Mapping[str, Provider]
    init_phase: InitPhase = field(repr=False)

    @cached_property
    def http_api_settings(self) -> HttpApiSettings:
        """The settings of the HTTP API."""
        return HttpApiSettings.from_environment(self.environment)

    @cached_property
    def webhook_settings(self) -> WebhookSettings:
        """The settings of the function that receives webhooks."""
        return WebhookSettings.from_environment(self.environment)

    def provider[ProviderT: Provider](self, kind: type[ProviderT]) -> ProviderT:
        """Return the provider of a class."""
        return next(provider for provider in self.providers.values() if isinstance(provider, kind))

    def api_version(self, action: Action) -> str | None:
        """Return the version of the provider's API for new runs of an action; ``None`` if the API has no versions."""
        return self._provider_of(action).api_version(action)

    def check_action(self, action: Action, within: str = "action.") -> None:
        """Check that the API version for new runs knows all fields of an action.

        Raises:
            InputError: the version does not know a field. The error names the field, with the prefix ``within``.
        """
        self._provider_of(action).check(action, within)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """Performs runs, or sends them to the queues."""
        from aichats.runs.dispatch import Dispatcher
        from aichats.runs.ledger.locks import Locks
        from aichats.runs.perform import Performer

        performer = Performer(self.ledger, self.providers, Locks(self.ledger))
        return Dispatcher(self.ledger, performer, self.queue)

    @property
    def stack_pause(self) -> StackPause:
        """The pause of the stack."""
        return self.dispatcher.stack_pause

    def read_pause_early(self) -> None:
        """Begin to read the pause of the stack in Lambda's init phase, so that the first invocation doesn't wait."""
        if self.init_phase.exists:
            self.stack_pause.read_in_background(self.ledger.clock())

    @cached_property
    def messages(self) -> MessageHandler:
        """Handles the messages of the run queues."""
        from aichats.runs.messages import MessageHandler

        return MessageHandler(self.dispatcher, self._render, self._perform_part, self._look)

    @cached_property
    def replays(self) -> Replays:
        """Opens ended runs again."""
        from aichats.runs.replay import Replays

        return Replays(self.ledger, self._render_again)

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs, which replay or cancel many runs."""
        from aichats.runs.ledger.jobs import Jobs

        return Jobs(self.ledger.items)

    @cached_property
    def history(self) -> History:
        """The history of runs."""
        from aichats.runs.ledger.history import History

        return History(self.ledger)

    @cached_property
    def stranded_runs(self) -> StrandedRuns:
        """Finds stranded runs."""
        from aichats.runs.stranded import StrandedRuns

        return StrandedRuns(self.ledger, self.dispatcher)

    @cached_property
    def renewals(self) -> Renewals:
        """Renews the tokens of connections."""
        from aichats.aws.secret_versions import SecretVersions
        from aichats.runs.providers.whop import WhopProvider
        from aichats.whop.oauth import OAuthClient
        from aichats.whop.renewal import Renewals

        whop = self.provider(WhopProvider).settings
        oauth = OAuthClient(whop.whop_base_url, self.transport, whop.whop_timeout_seconds)
        versions = SecretVersions(aws_client("secretsmanager"))
        prefix = RenewalSettings.from_environment(self.environment).connections_prefix
        return Renewals(self.ledger.items, versions, oauth, prefix, self.ledger.clock)

    @cached_property
    def run_factory(self) -> RunFactory:
        """Creates the runs of automations."""
        from aichats.automations.run_factory import RunFactory

        return RunFactory(self.api_version, self.settings.max_message_bytes)

    @cached_property
    def automation_table(self) -> AutomationTable:
        """The table of automations."""
        from aichats.automations.table import AutomationTable

        return AutomationTable(aws_client("dynamodb"), self.settings.automations_table)

    @cached_property
    def webhook_index(self) -> WebhookIndex:
        """The index of the event types that automations listen for."""
        from aichats.automations.webhook_index import index_of

        return index_of(aws_client("dynamodb"), self.settings.automations_table)

    @cached_property
    def last_runs(self) -> LastRuns:
        """Finds the newest runs of automations."""
        from aichats.automations.last_runs import LastRuns

        return LastRuns(self.ledger, self.history)

    @cached_property
    def automations(self) -> AutomationService:
        """Changes automations, with their schedules."""
        from aichats.automations.reconcile import AutomationService
        from aichats.automations.scheduler import Schedules

        settings = ScheduleSettings.from_environment(self.environment)
        schedules = Schedules(
            client=aws_client("scheduler"),
            group=settings.schedule_group,
            target_arn=settings.run_schedule_arn,
            role_arn=settings.scheduler_role_arn,
            dead_letters_arn=settings.schedule_dead_letters_arn,
        )
        return AutomationService(self.automation_table, schedules)

    @cached_property
    def schedule_events(self) -> ScheduleEvents:
        """Handles the events of schedules."""
        from aichats.automations.schedule_events import ScheduleEvents

        limit = self.settings.max_message_bytes
        table, factory = (lambda: self.automation_table), (lambda: self.run_factory)
        return ScheduleEvents(self.ledger, self.dispatcher, self.api_version, limit, store=table, run_factory=factory)

    @cached_property
    def webhook_events(self) -> WebhookEvents:
        """Handles the events of webhooks."""
        from aichats.automations.webhook_events import WebhookEvents

        return WebhookEvents(self.automation_table, self.ledger, self.dispatcher, self.run_factory)

    @cached_property
    def unrendered_runs(self) -> UnrenderedRuns:
        """Replays runs whose texts could not be rendered."""
        from aichats.automations.unrendered_runs import UnrenderedRuns

        return UnrenderedRuns(self.automation_table, self.ledger, self.dispatcher, self.run_factory)

    @cached_property
    def missed_slots(self) -> MissedSlots:
        """Finds slots for which a schedule did not fire."""
        from aichats.automations.missed import MissedSlots

        grace = timedelta(seconds=SweepSettings.from_environment(self.environment).missed_grace_seconds)
        return MissedSlots(self.automation_table, self.ledger, self.dispatcher, self.run_factory, grace)

    @cached_property
    def sweep(self) -> Sweep:
        """The five-minute sweep."""
        from aichats.automations.heartbeat import Heartbeat
        from aichats.automations.sweep import Sweep
        from aichats.automations.sweep_part import SweepProgress
        from aichats.automations.unreadable_rows import UnreadableRows
        from aichats.automations.webhook_check import WebhookCheck
        from aichats.runs.providers.whop import WhopProvider

        items, url = self.ledger.items, SweepSettings.from_environment(self.environment).webhook_url
        check = WebhookCheck(items, self.provider(WhopProvider), url, self.ledger.clock) if url else None
        progress = SweepProgress(items)
        stranded, slots = self.stranded_runs, self.missed_slots
        heartbeat = Heartbeat(self.event_log.newest, self.stack_pause, progress, self.ledger.clock)
        checks, send = (UnreadableRows(self.automation_table).note, heartbeat.measure), self.outgoing.waiting.check
        parts = (stranded, self.automation_table, slots, self.automations, progress)
        return Sweep(*parts, webhook=check, checks=checks, send_deliveries=send)

    @cached_property
    def event_settings(self) -> EventSettings:
        """The settings about events."""
        return EventSettings.from_environment(self.environment)

    @cached_property
    def event_log(self) -> EventLog:
        """The stored events."""
        from aichats.aws.table import Table
        from aichats.events.log import EventLog

        table = Table(aws_client("dynamodb"), self.event_settings.events_table, "pk", "sk")
        return EventLog(table, self.ledger.clock)

    @cached_property
    def publisher(self) -> Publisher:
        """Publishes the changes of the tables as events."""
        return self.outgoing.publisher(self.settings.automations_table, self.budget_events, self.queue)

    @cached_property
    def budget_events(self) -> BudgetEvents:
        """Counts for budgets, and notices budgets that are used up."""
        from aichats.outbox.budget_events import BudgetEvents, StackBudget

        settings, stack = BudgetSettings.from_environment(self.environment), self.event_settings.powertools_service_name
        budget = StackBudget(settings.limits, settings.budget_per)
        return BudgetEvents(stack, budget, self.automation_table, self.stack_pause, self.ledger.clock)

    @cached_property
    def receiver_settings(self) -> ReceiverSettings:
        """The settings about the receivers of subscriptions."""
        return ReceiverSettings.from_environment(self.environment)

    @cached_property
    def subscriptions(self) -> SubscriptionTable:
        """The table of subscriptions."""
        from aichats.subscriptions.table import SubscriptionTable

        return SubscriptionTable(self.event_log.items, self.ledger.clock)

    def signing_key(self) -> str:
        """Return the key from which the signing secrets of subscriptions are derived.

        Raises:
            SecretError: the secret is malformed, or can't be read.
        """
        from aichats.subscriptions.signing import SIGNING_KEY

        name = SigningSettings.from_environment(self.environment).events_secret
        return self.secrets.read(name, SIGNING_KEY).signing_key

    @cached_property
    def outgoing(self) -> Outgoing:
        """The objects that publish events and send them to subscriptions."""
        from aichats.outgoing import Outgoing

        log, clock, runs = self.event_log, self.ledger.clock, self.ledger.items
        return Outgoing(self.environment, self.subscriptions, log, runs, self.signing_key, clock)

    def _render(self, message: EventMessage) -> None:
        self.webhook_events.render(message)

    def _render_again(self, row: Row, terms: ReplayTerms) -> Replayed:
        return self.unrendered_runs.replay(row, terms)

    def _perform_part(self, message: JobMessage) -> None:
        from aichats.runs.job_parts import JobParts

        JobParts(self.jobs, self.dispatcher, self.replays).perform(message)

    def _look(self, message: WatchMessage) -> None:
        from aichats.runs.providers.whop import WhopProvider
        from aichats.runs.reply_watch import ReplyWatch

        limit = timedelta(minutes=ReplySettings.from_environment(self.environment).reply_watch_minutes)
        ReplyWatch(self.ledger, self.queue, self.provider(WhopProvider).chat_of, limit).look(message)

    def _provider_of(self, action: Action) -> Provider:
        return self.providers[action.provider]


@cache
def application() -> Application:
    """Return the application that the environment describes, and begin to read its first secrets.

    Functions call this in the init phase, because Lambda gives this phase a full CPU.

    Raises:
        ConfigurationError: a variable is missing or invalid.
    """
    settings = Settings.from_environment()
    secrets = SecretStore(aws_client("secretsmanager"))
    init_phase = InitPhase(os.environ, secrets)
    init_phase.read(first_secrets(os.environ))
    # These imports take longer than the secrets, which Secrets Manager sends meanwhile.
    from aichats.runs.ledger.ledger import Ledger
    from aichats.runs.providers.connected import connect
    from aichats.runs.providers.marks import preparation
    from aichats.runs.queue import Queue

    transport = DeadlineTransport()
    ledger = Ledger(
        aws_client("dynamodb"),
        settings.runs_table,
        timedelta(seconds=settings.settle_seconds),
        prepare=preparation(settings.runs_table, mark_titles=settings.title_mark == "clean"),
        keep_texts=timedelta(days=settings.keep_texts_days),
    )
    queue = Queue(
        lambda: aws_client("sqs"), settings.run_queue_url, settings.slow_run_queue_url, settings.run_dead_letters_url
    )
    providers = connect(os.environ, secrets, transport, ledger)
    return Application(os.environ, secrets, transport, ledger, queue, settings, providers, init_phase)
