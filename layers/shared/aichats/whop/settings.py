"""Whop's settings."""

from typing import Annotated

from pydantic import Field

from aichats.models import OrElse
from aichats.settings import BaseUrl, CallSeconds, NonEmpty, ProviderSettings


class WhopSettings(ProviderSettings):
    """The settings for calls to Whop."""

    whop_base_url: BaseUrl
    whop_api_version: Annotated[
        str, Field(pattern=r"^\d{4}-\d{2}-\d{2}(-\d+)?$"), OrElse("must be a version such as 2026-07-08-1")
    ]
    whop_secret: NonEmpty | None = None
    """The secret with Whop's credentials; ``None`` in functions that don't call Whop."""
    whop_timeout_seconds: CallSeconds = 20.0
    attachments_bucket: NonEmpty | None = None
    """The only bucket whose objects aichats attaches to chats; ``None``: none."""
    refresh_tokens_function: NonEmpty | None = None
    """The function that renews connections; ``None`` in functions that don't call Whop."""
