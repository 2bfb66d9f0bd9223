"""Settings of the behavior of the mock of Whop."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from local.standins.shared.exchange import Mode


class AgentReplies(BaseModel):
    """The replies of the agent to new chats."""

    model_config = ConfigDict(extra="forbid")

    after: float = Field(ge=0, allow_inf_nan=False)
    """Seconds from the create to the reply."""
    tokens: str = Field(default="123.45", pattern=r"^\d{1,12}(\.\d{1,6})?$")
    """Tokens that a reply takes."""


class WhopMode(Mode):
    """Behavior that the provider leaves open or may change, and that clients must handle."""

    rate_limit: int = Field(default=600, ge=0)
    """Calls a minute of each operation with each credential."""
    idempotency: Literal["honoured", "ignored"] = "honoured"
    api_keys: Literal["allowed", "forbidden"] = "allowed"
    """Permission of API keys to create, update and delete. A user's OAuth token needs its scopes instead."""
    oauth_tokens: Literal["any", "issued"] = "any"
    """User tokens that are accepted: any, or only those that the server issued. Issued ones always expire."""
    files: Literal["any", "uploaded"] = "any"
    """Attachments that are accepted: also IDs of files that this server doesn't know, or only uploaded files."""
    file_seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds in which a new file is in the state ``processing``."""
    file_result: Literal["ready", "failed"] = "ready"
    """The state of a new file after it was processed."""
    replies: AgentReplies | None = None
    """Replies of the agent to chats that are created from now on; None: it doesn't reply."""
