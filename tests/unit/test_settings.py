"""The environment variables: required ones, optional ones, and invalid values."""

from collections.abc import Iterable

import pytest

from aichats.errors import ConfigurationError
from aichats.kodey.settings import KodeySettings
from aichats.settings import (
    Environment,
    HttpApiSettings,
    ReceiverSettings,
    RenewalSettings,
    ReplySettings,
    ScheduleSettings,
    Settings,
    SweepSettings,
    WebhookSettings,
)
from aichats.whop.settings import WhopSettings

SHARED = {
    "RUNS_TABLE": "runs",
    "AUTOMATIONS_TABLE": "automations",
    "RUN_QUEUE_URL": "https://sqs.invalid/runs",
    "SLOW_RUN_QUEUE_URL": "https://sqs.invalid/slow-runs",
    "RUN_DEAD_LETTERS_URL": "https://sqs.invalid/run-dead-letters",
}
OF_WHOP = {"WHOP_BASE_URL": "https://whop.invalid/api/v1", "WHOP_API_VERSION": "2026-07-08-1"}
OF_KODEY = {"KODEY_BASE_URL": "https://kodey.invalid"}
OF_SCHEDULES = {
    "SCHEDULE_GROUP": "aichats-dev",
    "RUN_SCHEDULE_ARN": "arn:aws:lambda:eu-west-1:000000000000:function:run-schedule",
    "SCHEDULER_ROLE_ARN": "arn:aws:iam::000000000000:role/scheduler",
    "SCHEDULE_DEAD_LETTERS_ARN": "arn:aws:sqs:eu-west-1:000000000000:schedule-dead-letters",
}
REQUIRED: dict[type[Environment], dict[str, str]] = {
    Settings: SHARED,
    WhopSettings: OF_WHOP,
    KodeySettings: OF_KODEY,
    HttpApiSettings: {"CALLERS_SECRET": "aichats/dev/callers"},
    ScheduleSettings: OF_SCHEDULES,
    WebhookSettings: {"WEBHOOK_SECRET": "aichats/dev/webhook"},
    SweepSettings: {},
    ReplySettings: {},
    ReceiverSettings: {},
    RenewalSettings: {"CONNECTIONS_PREFIX": "aichats/dev/whop/"},
}
OPTIONAL: dict[type[Environment], dict[str, str]] = {
    Settings: {"MAX_MESSAGE_BYTES": "100", "SETTLE_SECONDS": "90", "TITLE_MARK": "off", "KEEP_TEXTS_DAYS": "7"},
    WhopSettings: {
        "WHOP_SECRET": "aichats/dev/whop",
        "REFRESH_TOKENS_FUNCTION": "f",
        "ATTACHMENTS_BUCKET": "my-bucket",
        "WHOP_TIMEOUT_SECONDS": "7.5",
    },
    KodeySettings: {
        "KODEY_SECRET": "aichats/test/kodey",
        "KODEY_TIMEOUT_SECONDS": "8.5",
        "KODEY_ANSWER_SECONDS": "9.5",
        "KODEY_SETTLE_SECONDS": "10",
    },
    HttpApiSettings: {"ALLOWED_ORIGINS": "https://a.example, https://b.example,"},
    ReceiverSettings: {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "LOOPBACK_RECEIVERS": "allowed"},
    SweepSettings: {"MISSED_GRACE_SECONDS": "60", "WEBHOOK_URL": "https://api.invalid/webhooks/whop"},
    ReplySettings: {"REPLY_WATCH_MINUTES": "90"},
}
ALL = {name: value for variables in REQUIRED.values() for name, value in variables.items()}
ELSEWHERE = [
    "http://api.whop.com/api/v1",
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1@evil.example/",
    "http://127.0.0.1:80@evil.example/",
    "http://127.0.0.1:8001\n.evil.example",
    "http://10.0.0.1/",
    "http://169.254.169.254/",
    "http://[::1].evil.example/",
    "http://host.docker.internal:8001/api/v1",
    "http://",
    "HTTP://127.0.0.1/",
]
"""URLs without TLS that don't lead to this machine."""
each_kind = pytest.mark.parametrize("kind", REQUIRED, ids=lambda kind: kind.__name__)


def kind_of(name: str) -> type[Environment]:
    """Return the settings that have a variable."""
    return next(kind for kind in REQUIRED if name.lower() in kind.fields)


def values_of(settings: Environment, names: Iterable[str]) -> dict[str, str]:
    return {name: str(getattr(settings, name.lower())) for name in names}


@each_kind
def test_a_function_needs_the_variables_of_what_it_does_and_no_other(kind: type[Environment]) -> None:
    settings = kind.from_environment(REQUIRED[kind])

    assert values_of(settings, REQUIRED[kind]) == REQUIRED[kind]


@each_kind
def test_every_variable_is_read(kind: type[Environment]) -> None:
    environment = REQUIRED[kind] | OPTIONAL.get(kind, {})

    assert {name.upper() for name in kind.fields} - {"AWS_SAM_LOCAL"} == environment.keys()
    assert values_of(kind.from_environment(environment | {"PATH": "/usr/bin"}), environment) == environment


def test_what_has_a_default_may_be_left_out_or_empty() -> None:
    empty = {name: "" for variables in OPTIONAL.values() for name in variables}
    whop = WhopSettings.from_environment(OF_WHOP | empty)
    kodey = KodeySettings.from_environment(OF_KODEY | empty)

    assert (whop.whop_secret, whop.whop_timeout_seconds) == (None, 20.0)
    assert (kodey.kodey_secret, kodey.kodey_timeout_seconds, kodey.kodey_answer_seconds) == (None, 20.0, 240.0)
    assert Settings.from_environment(SHARED | empty).max_message_bytes == 32768
    assert SweepSettings.from_environment(empty).missed_grace_seconds == 300
    assert ReplySettings.from_environment(empty).reply_watch_minutes == 120
    assert HttpApiSettings.from_environment({"CALLERS_SECRET": "callers"} | empty).origins == []


def test_origins_are_separated_by_commas() -> None:
    settings = HttpApiSettings.from_environment(REQUIRED[HttpApiSettings] | OPTIONAL[HttpApiSettings])

    assert settings.origins == ["https://a.example", "https://b.example"]


def test_the_environment_of_the_process_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSED_GRACE_SECONDS", "77")
    assert SweepSettings.from_environment().missed_grace_seconds == 77


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_variable_is_named(name: str, *, empty: bool) -> None:
    environment = {key: value for key, value in ALL.items() if key != name} | ({name: ""} if empty else {})
    with pytest.raises(ConfigurationError, match=rf"missing or invalid: {name}: is required$"):
        kind_of(name).from_environment(environment)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"WHOP_BASE_URL: .*WHOP_API_VERSION: "):
        WhopSettings.from_environment({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WHOP_BASE_URL", "api.whop.com"),
        ("WHOP_BASE_URL", "ftp://api.whop.com"),
        ("WHOP_API_VERSION", "latest"),
        ("WHOP_API_VERSION", "2026-07-08-"),
        ("WHOP_TIMEOUT_SECONDS", "0"),
        ("WHOP_TIMEOUT_SECONDS", "26"),
        ("KODEY_TIMEOUT_SECONDS", "26"),
        ("WHOP_TIMEOUT_SECONDS", "nan"),
        ("WHOP_TIMEOUT_SECONDS", "long"),
        ("MAX_MESSAGE_BYTES", "0"),
        ("MAX_MESSAGE_BYTES", "131073"),
        ("MAX_MESSAGE_BYTES", "1e3"),
        ("KEEP_TEXTS_DAYS", "-1"),
        ("KEEP_TEXTS_DAYS", "91"),
        ("REPLY_WATCH_MINUTES", "0"),
        ("REPLY_WATCH_MINUTES", "121"),
        ("MISSED_GRACE_SECONDS", "0"),
        ("MISSED_GRACE_SECONDS", "3601"),
        ("LOOPBACK_RECEIVERS", "yes"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"environment variables are missing or invalid: {name}: "):
        kind_of(name).from_environment(ALL | {name: value})


@pytest.mark.parametrize("name", ["WHOP_BASE_URL", "KODEY_BASE_URL"])
@pytest.mark.parametrize(
    "url",
    ELSEWHERE,
)
def test_credentials_are_sent_without_tls_to_this_machine_only(name: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"missing or invalid: {name}: "):
        kind_of(name).from_environment(ALL | {name: url})


@pytest.mark.parametrize(
    "url",
    [
        "https://api.whop.com/api/v1",
        "http://127.0.0.1:8001/api/v1",
        "http://127.8.9.10",
        "http://localhost:8001/",
        "http://[::1]:8001/api/v1",
    ],
)
def test_this_machine_needs_no_tls(url: str) -> None:
    assert WhopSettings.from_environment(OF_WHOP | {"WHOP_BASE_URL": url}).whop_base_url == url


def test_a_container_of_sam_local_may_call_the_machine_that_it_runs_on() -> None:
    url = "http://host.docker.internal:8001/api/v1"
    settings = WhopSettings.from_environment(OF_WHOP | {"WHOP_BASE_URL": url, "AWS_SAM_LOCAL": "true"})
    assert settings.whop_base_url == url
    with pytest.raises(ConfigurationError):
        WhopSettings.from_environment(OF_WHOP | {"WHOP_BASE_URL": "http://evil.example", "AWS_SAM_LOCAL": "true"})


@pytest.mark.parametrize("endpoint", ["", "https://dynamodb.eu-west-1.amazonaws.com", *ELSEWHERE])
def test_receivers_on_loopback_addresses_are_forbidden_unless_aws_is_on_this_machine(endpoint: str) -> None:
    environment = {"AWS_ENDPOINT_URL": endpoint, "LOOPBACK_RECEIVERS": "allowed"}
    with pytest.raises(ConfigurationError, match="LOOPBACK_RECEIVERS: must be forbidden on AWS"):
        ReceiverSettings.from_environment(environment)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "http://localhost:4566/", "http://[::1]:4566"])
def test_receivers_on_loopback_addresses_can_be_allowed_on_a_local_aws(endpoint: str) -> None:
    local = {"AWS_ENDPOINT_URL": endpoint}

    assert ReceiverSettings.from_environment(local | {"LOOPBACK_RECEIVERS": "allowed"}).allow_loopback
    assert not ReceiverSettings.from_environment(local).allow_loopback


def test_a_container_of_sam_local_may_use_the_local_aws_of_the_machine_that_it_runs_on() -> None:
    environment = {"AWS_ENDPOINT_URL": "http://host.docker.internal:4566", "LOOPBACK_RECEIVERS": "allowed"}

    assert ReceiverSettings.from_environment(environment | {"AWS_SAM_LOCAL": "true"}).allow_loopback


@pytest.mark.parametrize("name", ["WHOP_BASE_URL", "WHOP_API_VERSION", "WHOP_TIMEOUT_SECONDS", "MAX_MESSAGE_BYTES"])
def test_a_wrong_value_is_not_shown(name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        kind_of(name).from_environment(ALL | {name: "confidential"})
    assert "confidential" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("field", Settings.fields)
def test_settings_stay_as_they_are(field: str) -> None:
    with pytest.raises(AttributeError, match="frozen"):
        setattr(Settings.from_environment(SHARED), field, "another")
