"""Settings of the behavior of the mock of Kodey."""

from pydantic import Field

from local.standins.shared.exchange import Mode


class KodeyMode(Mode):
    """Behavior that the provider leaves open or may change, and that clients must handle."""

    answer_seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds from a message to its answer."""
