"""How the stand-in of Kodey behaves until told otherwise."""

from pydantic import Field

from local.standins.shared.exchange import Mode


class KodeyMode(Mode):
    """What the provider leaves open or may change, as far as clients have to live with it."""

    answer_seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Seconds from a message to its answer."""
