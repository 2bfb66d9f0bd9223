"""Profiles: the stacks that you use, with their addresses and tokens, in a file that only you can read."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL = "local"
ENVIRONMENT = "AICHATS_URL"
"""The name of the profile that the variables of the environment describe."""


@dataclass(frozen=True)
class Profile:
    """A stack, and the token with which to call it."""

    name: str
    url: str
    token: str = field(repr=False)
    stack: str | None = None
    """The name of the CloudFormation stack, for `aichats admin`."""
    region: str | None = None


BUILT_IN = Profile(LOCAL, "http://127.0.0.1:3000", "local-token")
"""The stack of `aichats dev`."""


@dataclass(frozen=True)
class Profiles:
    """The content of the file."""

    stored: Mapping[str, Profile] = field(default_factory=dict)
    default: str = LOCAL
    """The profile that is used if none is named: that of the last login."""


def path_of(variables: Mapping[str, str]) -> Path:
    """Return the path of the file with the profiles. The file need not exist."""
    return Path(variables.get("XDG_CONFIG_HOME") or Path.home() / ".config", "aichats", "profiles.toml")


def choose(name: str | None, variables: Mapping[str, str]) -> Profile:
    """Return the profile ``name``, or else the one that the environment or the last login names, or else ``local``.

    Raises:
        CommandError: the profile doesn't exist, or the file can't be read.
    """
    if name is None and (url := variables.get("AICHATS_URL")):
        return Profile(ENVIRONMENT, url.rstrip("/"), variables.get("AICHATS_TOKEN", ""))
    profiles = read(path_of(variables))
    wanted = name or variables.get("AICHATS_PROFILE") or profiles.default
    known = {LOCAL: BUILT_IN} | dict(profiles.stored)
    if wanted not in known:
        raise CommandError(
            f"the profile {wanted} doesn't exist. Your profiles: {', '.join(known)}",
            f"aichats login --profile {wanted} --url https://…",
        )
    return known[wanted]


def read(path: Path) -> Profiles:
    """Return the stored profiles: none if the file doesn't exist.

    Raises:
        CommandError: the file can't be read, or doesn't have the form that `aichats login` writes.
    """
    try:
        content = tomllib.loads(path.read_text())
        stored = {name: Profile(name, **values) for name, values in content.get("profiles", {}).items()}
        return Profiles(stored, str(content.get("default", LOCAL)))
    except FileNotFoundError:
        return Profiles()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CommandError(
            f"can't read {path}: {error}", "correct the file, or delete it and type: aichats login"
        ) from None


def store(path: Path, profiles: Profiles) -> None:
    """Replace the file at once, so that a kill leaves the earlier or the new content. Only you can read it.

    Raises:
        CommandError: the file can't be written.
    """
    import tomli_w

    content: dict[str, Any] = {"default": profiles.default, "profiles": {}}
    for name, profile in profiles.stored.items():
        values = asdict(profile)
        content["profiles"][name] = {key: value for key, value in values.items() if value is not None and key != "name"}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:  # mkstemp: mode 600
            tomli_w.dump(content, file)
        Path(file.name).replace(path)
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}") from error
