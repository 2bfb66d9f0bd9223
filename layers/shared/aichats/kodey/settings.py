"""Kodey's settings."""

from aichats.records import Field
from aichats.settings import ProviderSettings, call_seconds, check_secured, seconds_up_to, setting, settle_time, url

MAX_ANSWER_SECONDS = 240.0


class KodeySettings(ProviderSettings):
    """The settings for calls to Kodey."""

    kodey_base_url = Field(url, check=check_secured)
    kodey_secret = Field(setting, None)
    """The secret with Kodey's key; ``None`` in functions that don't call Kodey."""
    kodey_timeout_seconds = Field(call_seconds, 20.0)
    """The time limit of a call that sends no message."""
    kodey_answer_seconds = Field(seconds_up_to(MAX_ANSWER_SECONDS), MAX_ANSWER_SECONDS)
    """The time limit of a call that sends a message. The slow function has time for this call and the one before it."""
    kodey_settle_seconds = Field(settle_time, 600)
    """The time after a lost response in which Kodey may still perform the call."""
