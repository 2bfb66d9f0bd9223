"""Whop's settings."""

from aichats.records import Field
from aichats.settings import ProviderSettings, call_seconds, check_secured, setting, url

_DATE = "0000-00-00"


def _version(text: str) -> str:
    """Return a text if it is a version of the API: a date, with a number if that date has several versions."""
    date, number = setting(text)[: len(_DATE)], text[len(_DATE) :]
    # A pattern would be compiled at each cold start.
    is_date = "".join("0" if character.isdecimal() else character for character in date) == _DATE
    if not is_date or (number and not (number[0] == "-" and number[1:].isdecimal())):
        raise ValueError("must be a version such as 2026-07-08-1")
    return text


class WhopSettings(ProviderSettings):
    """The settings for calls to Whop."""

    whop_base_url = Field(url, check=check_secured)
    whop_api_version = Field(_version)
    whop_secret = Field(setting, None)
    """The secret with Whop's credentials; ``None`` in functions that don't call Whop."""
    whop_timeout_seconds = Field(call_seconds, 20.0)
    attachments_bucket = Field(setting, None)
    """The only bucket whose objects aichats attaches to chats; ``None``: none."""
    refresh_tokens_function = Field(setting, None)
    """The function that renews connections; ``None`` in functions that don't call Whop."""
