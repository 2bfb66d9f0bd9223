"""The signing key of a stack, from which the signing secrets of all subscriptions are derived."""

import secrets
import string
from functools import partial
from typing import Annotated

from pydantic import BaseModel, Field

from aichats.aws.secret_values import ApiKey, parse_secret
from aichats.aws.secrets import SecretKind

SIGNING_KEY_CHARACTERS = 64


class EventsSecret(BaseModel):
    """The signing key of a stack."""

    signing_key: Annotated[ApiKey, Field(repr=False)]


SIGNING_KEY = SecretKind(partial(parse_secret, EventsSecret))


def new_signing_key() -> str:
    """Return a random key, as CloudFormation generates the first one."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(SIGNING_KEY_CHARACTERS))
