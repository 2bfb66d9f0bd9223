"""Profiles: the stacks that you use, with their addresses and tokens, in a file that only you can read."""

from __future__ import annotations

import os
import re
import tomllib
from contextlib import contextmanager
from copy import replace
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aichats_cli.errors import CommandError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LOCAL = "local"
ENVIRONMENT = "AICHATS_URL"
"""The name of the profile that the variables of the environment describe."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TOKEN = re.compile(r"[!-~]+")
"""The characters that an HTTP header can have."""
LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|.+\.localhost")
ONLY_OWNER, OTHERS = 0o600, 0o077
"""The mode of the file, and the bits of a mode that let others read or write."""


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

    @property
    def known(self) -> dict[str, Profile]:
        """All profiles by name, with the one that is built in."""
        return {LOCAL: BUILT_IN} | dict(self.stored)


def path_of(variables: Mapping[str, str]) -> Path:
    """Return the path of the file with the profiles. The file need not exist."""
    return Path(variables.get("XDG_CONFIG_HOME") or Path.home() / ".config", "aichats", "profiles.toml")


def choose(name: str | None, variables: Mapping[str, str]) -> Profile:
    """Return the profile ``name``, or else the one that the environment or the last login names, or else ``local``.

    Raises:
        CommandError: the profile doesn't exist, the file can't be read, or the variables don't make a profile.
    """
    if name is None and (url := variables.get(ENVIRONMENT)):
        return from_environment(url, variables.get("AICHATS_TOKEN", ""))
    profiles = read(path_of(variables))
    wanted = current(name, variables, profiles)
    if wanted not in profiles.known:
        raise missing(wanted, profiles)
    return profiles.known[wanted]


def current(name: str | None, variables: Mapping[str, str], profiles: Profiles) -> str:
    """Return the name of the profile that is used if ``name`` was typed as ``--profile``. It may not exist."""
    if name is None and variables.get(ENVIRONMENT):
        return ENVIRONMENT
    return name or variables.get("AICHATS_PROFILE") or profiles.default


def missing(name: str, profiles: Profiles) -> CommandError:
    """Return the error for a profile that doesn't exist."""
    return CommandError(
        f"the profile {name} doesn't exist. Your profiles: {', '.join(profiles.known)}",
        f"aichats login --profile {name} --url https://…",
    )


def from_environment(url: str, token: str) -> Profile:
    """Return the profile that AICHATS_URL and AICHATS_TOKEN describe.

    Raises:
        CommandError: one of them is missing or wrong.
    """
    address = checked_url(url, "AICHATS_URL")
    if not token.strip():
        hint = "export AICHATS_TOKEN=… For the stack of aichats dev: AICHATS_TOKEN=local-token"
        raise CommandError("AICHATS_URL is set, but AICHATS_TOKEN isn't", hint)
    return Profile(ENVIRONMENT, address, checked_token(token, "AICHATS_TOKEN"))


def checked_url(text: str, source: str) -> str:
    """Return the address of an API without a slash at its end.

    Raises:
        UsageError: the text isn't such an address.
    """
    url = urlsplit(text.strip())
    try:
        is_valid = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # a port that isn't a number
        is_valid = False
    if not is_valid or url.username or url.password or url.query or url.fragment:
        raise UsageError(
            f"{source} isn't the address of an API", "use the stack's output ApiUrl, such as https://…amazonaws.com"
        )
    return text.strip().rstrip("/")


def checked_token(text: str, source: str) -> str:
    """Return a token without the spaces around it.

    Raises:
        UsageError: it can't be a token. The error doesn't show it.
    """
    token = text.strip()
    if not TOKEN.fullmatch(token):
        raise UsageError(f"{source} has a character that no token has, such as a space", "copy it again")
    return token


def checked_name(name: str) -> str:
    """Return the name of a profile that can be stored.

    Raises:
        UsageError: the name is reserved, or has a character that names don't have.
    """
    if name in {LOCAL, ENVIRONMENT}:
        raise UsageError(f"the profile {name} is built in", "choose another name: aichats login --profile NAME")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be the name of a profile", "use up to 64 letters, digits, dots, - and _")
    return name


def is_exposed(url: str) -> bool:
    """Return whether a token that is sent to this address can be read on the network."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not LOOPBACK.fullmatch(parts.hostname or "")


def read(path: Path) -> Profiles:
    """Return the stored profiles: none if the file doesn't exist. If others can read the file, change its mode.

    Raises:
        CommandError: the file can't be read, or doesn't have the form that `aichats login` writes.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & OTHERS:
                path.chmod(ONLY_OWNER)
            content = tomllib.load(file)
        stored = {name: stored_profile(name, values) for name, values in content.get("profiles", {}).items()}
        return Profiles(stored, str(content.get("default", LOCAL)))
    except FileNotFoundError:
        return Profiles()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandError(
            f"can't read {path}: {reason}", "correct the file, or delete it and type: aichats login"
        ) from None


def stored_profile(name: str, values: Mapping[str, object]) -> Profile:
    """Return a profile of the file, without fields that a later version has added.

    Raises:
        ValueError: a field is missing, or isn't text.
    """
    known = {each.name: values[each.name] for each in fields(Profile) if each.name in values}
    if not {"url", "token"} <= known.keys() or not all(isinstance(value, str) for value in known.values()):
        raise ValueError(f"the profile {name} needs url and token, as text")
    texts = {key: str(value) for key, value in known.items() if key != "name"}
    return replace(Profile(name, texts.pop("url"), texts.pop("token")), **texts)


def change(path: Path, edit: Callable[[Profiles], Profiles]) -> Profiles:
    """Replace the file's content with what ``edit`` returns for it. Return the new content.

    Changes take turns, so none is lost. A kill leaves the earlier or the new content.

    Raises:
        CommandError: the file can't be read or written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.parent):
            changed = edit(read(path))
            write(path.resolve(), changed)  # A link stays, such as that of a folder that is kept in git.
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}") from error
    return changed


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let no other process change the profiles during the ``with`` block. Let only the owner look into the folder."""
    import fcntl

    if folder.stat().st_mode & OTHERS:
        folder.chmod(0o700)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, profiles: Profiles) -> None:
    """Replace the file at once. Only you can read it."""
    import tempfile

    import tomli_w

    content: dict[str, Any] = {"default": profiles.default, "profiles": {}}
    for name, profile in profiles.stored.items():
        values = asdict(profile)
        content["profiles"][name] = {key: value for key, value in values.items() if value is not None and key != "name"}
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:  # mkstemp: mode 600
        try:
            tomli_w.dump(content, file)
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise
