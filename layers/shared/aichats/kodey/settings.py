"""Kodey's settings."""

from typing import Annotated

from pydantic import Field

from aichats.settings import BaseUrl, CallSeconds, NonEmpty, ProviderSettings, SettleSeconds

MAX_ANSWER_SECONDS = 240.0


class KodeySettings(ProviderSettings):
    """The settings for calls to Kodey."""

    kodey_base_url: BaseUrl
    kodey_secret: NonEmpty | None = None
    """The secret with Kodey's key; ``None`` in functions that don't call Kodey."""
    kodey_timeout_seconds: CallSeconds = 20.0
    """The time limit of a call that sends no message."""
    kodey_answer_seconds: Annotated[float, Field(gt=0, le=MAX_ANSWER_SECONDS)] = MAX_ANSWER_SECONDS
    """The time limit of a call that sends a message. The slow function has time for this call and the one before it."""
    kodey_settle_seconds: SettleSeconds = 600
    """The time after a lost response in which Kodey may still perform the call."""
