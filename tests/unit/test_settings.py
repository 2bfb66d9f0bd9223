"""What the environment must say, and what it may."""

import pytest
from pydantic import ValidationError

from aichats.errors import ConfigurationError
from aichats.settings import Settings

LEAST = {
    "WHOP_BASE_URL": "https://whop.invalid/api/v1",
    "WHOP_API_VERSION": "2026-07-08-1",
    "WHOP_SECRET": "aichats/dev/whop",
    "RUNS_TABLE": "runs",
    "RUN_QUEUE_URL": "https://sqs.invalid/runs",
    "SLOW_RUN_QUEUE_URL": "https://sqs.invalid/slow-runs",
    "KODEY_BASE_URL": "https://kodey.invalid",
    "KODEY_SECRET": "aichats/test/kodey",
    "RUN_DEAD_LETTERS_URL": "https://sqs.invalid/run-dead-letters",
}

OF_AUTOMATIONS = {
    "AUTOMATIONS_TABLE": "automations",
    "SCHEDULE_GROUP": "aichats-dev",
    "RUN_SCHEDULE_ARN": "arn:aws:lambda:eu-west-1:000000000000:function:run-schedule",
    "SCHEDULER_ROLE_ARN": "arn:aws:iam::000000000000:role/scheduler",
    "SCHEDULE_DEAD_LETTERS_ARN": "arn:aws:sqs:eu-west-1:000000000000:schedule-dead-letters",
    "WEBHOOK_SECRET": "aichats/dev/webhook",
}


def test_what_has_a_default_may_be_left_out() -> None:
    settings = Settings.from_environment(LEAST)
    assert {name: getattr(settings, name.lower()) for name in LEAST} == LEAST
    assert (settings.whop_timeout_seconds, settings.max_message_bytes) == (20.0, 32768)
    assert (settings.callers_secret, settings.origins) == ("", [])
    assert (settings.automations_table, settings.webhook_secret, settings.missed_grace_seconds) == ("", "", 300)


def test_a_function_that_calls_nobody_needs_no_secret() -> None:
    assert Settings.from_environment(LEAST | {"WHOP_SECRET": ""}).whop_secret == ""


def test_every_variable_is_read() -> None:
    settings = Settings.from_environment(
        LEAST
        | {
            "WHOP_TIMEOUT_SECONDS": "7.5",
            "CALLERS_SECRET": "aichats/dev/callers",
            "ALLOWED_ORIGINS": "https://a.example, https://b.example,",
            "MAX_MESSAGE_BYTES": "100",
            **OF_AUTOMATIONS,
            "MISSED_GRACE_SECONDS": "60",
            "PATH": "/usr/bin",
        }
    )
    assert (settings.whop_timeout_seconds, settings.max_message_bytes) == (7.5, 100)
    assert settings.callers_secret == "aichats/dev/callers"
    assert settings.origins == ["https://a.example", "https://b.example"]
    assert {name: getattr(settings, name.lower()) for name in OF_AUTOMATIONS} == OF_AUTOMATIONS
    assert settings.missed_grace_seconds == 60


def test_the_environment_of_the_process_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_MESSAGE_BYTES", "77")
    assert Settings.from_environment().max_message_bytes == 77


@pytest.mark.parametrize("name", LEAST)
def test_a_missing_variable_is_named(name: str) -> None:
    environment = {key: value for key, value in LEAST.items() if key != name}
    with pytest.raises(ConfigurationError, match=rf"missing or wrong: {name}: Field required$"):
        Settings.from_environment(environment)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"WHOP_BASE_URL: .*WHOP_API_VERSION: .*WHOP_SECRET: "):
        Settings.from_environment({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WHOP_BASE_URL", "api.whop.com"),
        ("WHOP_BASE_URL", "ftp://api.whop.com"),
        ("WHOP_API_VERSION", "latest"),
        ("WHOP_API_VERSION", "2026-07-08-"),
        ("WHOP_TIMEOUT_SECONDS", "0"),
        ("WHOP_TIMEOUT_SECONDS", "61"),
        ("WHOP_TIMEOUT_SECONDS", "nan"),
        ("WHOP_TIMEOUT_SECONDS", "long"),
        ("MAX_MESSAGE_BYTES", "0"),
        ("MAX_MESSAGE_BYTES", "131073"),
        ("MAX_MESSAGE_BYTES", "1e3"),
        ("MISSED_GRACE_SECONDS", "0"),
        ("MISSED_GRACE_SECONDS", "3601"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"environment variables are missing or wrong: {name}: "):
        Settings.from_environment(LEAST | {name: value})


@pytest.mark.parametrize("name", ["WHOP_BASE_URL", "KODEY_BASE_URL"])
@pytest.mark.parametrize(
    "url",
    [
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
    ],
)
def test_credentials_are_sent_without_tls_to_this_machine_only(name: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"missing or wrong: {name}: "):
        Settings.from_environment(LEAST | {name: url})


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
    assert Settings.from_environment(LEAST | {"WHOP_BASE_URL": url}).whop_base_url == url


def test_a_container_of_sam_local_may_call_the_machine_that_it_runs_on() -> None:
    url = "http://host.docker.internal:8001/api/v1"
    settings = Settings.from_environment(LEAST | {"WHOP_BASE_URL": url, "AWS_SAM_LOCAL": "true"})
    assert settings.whop_base_url == url
    with pytest.raises(ConfigurationError):
        Settings.from_environment(LEAST | {"WHOP_BASE_URL": "http://evil.example", "AWS_SAM_LOCAL": "true"})


@pytest.mark.parametrize("name", ["WHOP_BASE_URL", "WHOP_API_VERSION", "WHOP_TIMEOUT_SECONDS", "MAX_MESSAGE_BYTES"])
def test_a_wrong_value_is_not_shown(name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment(LEAST | {name: "confidential"})
    assert "confidential" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("field", Settings.model_fields)
def test_settings_stay_as_they_are(field: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Settings.from_environment(LEAST), field, "another")
