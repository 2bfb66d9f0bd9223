"""The stack of `aichats dev` on this machine: its local AWS and its mock servers."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aichats_cli.errors import CommandError
from aichats_cli.profiles import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aichats_cli.profiles import Profile
    from aichats_cli.session import Session

START = "start it in another terminal: aichats dev"


@dataclass(frozen=True)
class LocalStack:
    """A stack that runs on this machine."""

    stack: str
    """Its name."""
    region: str
    endpoint_url: str
    """URL of the local AWS."""
    access_key_id: str
    secret_access_key: str = field(repr=False)
    mocks: Mapping[str, str]
    """URLs of the mock servers `whop`, `kodey` and `receiver`, without a path."""
    functions: Sequence[str]
    """The names of its functions, without that of the stack."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that connect an AWS client, such as boto3, to the local AWS."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


def is_on_this_machine(profile: Profile) -> bool:
    """Return whether the URL of a profile is an address of this machine."""
    return LOOPBACK.fullmatch(urlsplit(profile.url).hostname or "") is not None


def describe(session: Session) -> LocalStack:
    """Return the local stack of the session's profile.

    Only an address of this machine is asked, because commands send secrets to the AWS that the answer names.

    Raises:
        CommandError: the profile's stack isn't on this machine, doesn't run, or isn't one of `aichats dev`.
    """
    from aichats_cli.api import ApiError  # with httpx: 60 ms

    profile = session.profile
    if not is_on_this_machine(profile):
        raise CommandError(
            f"the profile {profile.name} is not a local stack: {profile.url}",
            "use the local stack: --profile local",
        )
    try:
        answer = session.api.get("/_local")
        aws = answer["aws"]
        return LocalStack(
            answer["stack"],
            answer["region"],
            aws["endpoint_url"],
            aws["access_key_id"],
            aws["secret_access_key"],
            answer["mocks"],
            answer["functions"],
        )
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    except (KeyError, TypeError):
        pass
    raise CommandError(f"{profile.url} is not a stack of `aichats dev`", START)
