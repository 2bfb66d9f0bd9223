"""Settings of the behavior of the mock receiver."""

from pydantic import BaseModel, ConfigDict, Field


class ReceiverMode(BaseModel):
    """Settings of the answers to deliveries."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: int = Field(default=200, ge=200, le=599)
    """Status of each answer."""
    latency: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds to wait before each answer."""
    redirect: str | None = Field(default=None, pattern=r"^https?://[\x21-\x7e]+$")
    """A URL to which each answer redirects with 307, in place of ``status``."""
