"""The API versions of Whop, and the changes between them."""

from typing import NamedTuple

from local.standins.whop.errors import WhopError
from local.standins.whop.parameters import (
    CreateAiChat,
    CreateAiChatForAccount,
    ListAiChats,
    ListAiChatsByAgent,
    UpdateAiChat,
    UpdateAiChatForAccount,
)

VERSIONS = (
    "2025-01-01",
    "2026-07-08-1",
    "2026-08-14",
    "2026-08-21",
    "2026-08-21-1",
    "2026-08-25-1",
    "2026-09-02",
    "2026-09-02-1",
    "2026-09-02-2",
    "2026-09-15",
    "2026-09-22-1",
    "2026-09-23",
    "2026-10-08",
    "2026-10-15-1",
)
DEFAULT_VERSION = "2025-01-01"
"""Version of requests that name none."""

RENAMED_SINCE = "2026-09-15"


class Dialect(NamedTuple):
    """The parameters and fields of a version."""

    create: type[CreateAiChat]
    update: type[UpdateAiChat]
    list: type[ListAiChats]
    shows_agent: bool


OF_COMPANIES = Dialect(CreateAiChat, UpdateAiChat, ListAiChats, shows_agent=False)
OF_ACCOUNTS = Dialect(CreateAiChatForAccount, UpdateAiChatForAccount, ListAiChatsByAgent, shows_agent=True)


def dialect_of(version: str) -> Dialect:
    """Return the parameters and fields of ``version``.

    Raises:
        WhopError: 400, the version doesn't exist.
    """
    if version not in VERSIONS:
        message = f"Unknown Api-Version-Date: {version}"
        raise WhopError(400, message, code="parameter_invalid", param="Api-Version-Date")
    return OF_ACCOUNTS if version >= RENAMED_SINCE else OF_COMPANIES
