"""How the stand-in of Whop behaves until told otherwise."""

from typing import Literal

from pydantic import Field

from local.standin.exchange import Mode

type Order = Literal["newest", "oldest", "shuffled"]


class WhopMode(Mode):
    """What the provider leaves open or may change, as far as clients have to live with it."""

    idempotency: Literal["honoured", "ignored"] = "honoured"
    api_keys: Literal["allowed", "forbidden"] = "allowed"
    """Whether API keys may create, update and delete; a user's OAuth token always may."""
    list: Order = "newest"
    """The order of lists. Shuffled is an order too: the same for every page."""
    list_lag: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds until a chat that was created appears in lists."""
