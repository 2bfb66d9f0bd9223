"""Kodey's settings."""

from typing import Annotated

from pydantic import Field

from aichats.settings import BaseUrl, NonEmpty, ProviderSettings, SettleSeconds


class KodeySettings(ProviderSettings):
    """The settings for calls to Kodey."""

    kodey_base_url: BaseUrl
    kodey_secret: NonEmpty | None = None
    """The secret with Kodey's key; ``None`` in functions that don't call Kodey."""
    kodey_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    """The time limit of a whole call that sends no message, with its retries and waits."""
    kodey_answer_seconds: Annotated[float, Field(gt=0, le=240)] = 240.0
    """The time limit of a call that sends a message. The slow function has time for this call and those before it."""
    kodey_settle_seconds: SettleSeconds = 600
    """The time after a lost response in which Kodey may still perform the call."""
