"""How the stand-in of Whop behaves until told otherwise."""

from typing import Literal

from pydantic import Field

from local.standins.shared.exchange import Mode


class WhopMode(Mode):
    """What the provider leaves open or may change, as far as clients have to live with it."""

    rate_limit: int = Field(default=600, ge=0)
    """Calls a minute that each operation takes from each credential."""
    idempotency: Literal["honoured", "ignored"] = "honoured"
    api_keys: Literal["allowed", "forbidden"] = "allowed"
    """Whether API keys may create, update and delete; a user's OAuth token always may."""
