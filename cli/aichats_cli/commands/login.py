"""`aichats login`, `logout`, `profiles` and `use`: the stacks that you can use from this machine."""

from __future__ import annotations

import importlib
from copy import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.complete import profile_names
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.groups import new_group
from aichats_cli.profiles import (
    ENVIRONMENT,
    LOCAL,
    Profile,
    Profiles,
    change,
    checked_name,
    checked_token,
    checked_url,
    choose,
    current,
    missing,
    path_of,
    read,
)
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Mapping

app = new_group("Choose the stack that you use.")

STACKS = "aichats_cli.admin.stack_outputs"
"""The module that asks AWS for a stack. Only the extra `admin` has what it needs, so it is imported by its name."""
ANSWERS_TO_A_VALID_TOKEN = {HTTPStatus.FORBIDDEN}
"""A token without the scope to list automations is valid too."""


@command(
    app,
    "login",
    examples=[
        "aichats login --url https://a1b2c3.execute-api.eu-west-1.amazonaws.com",
        "aichats login --stack aichats-prod --region eu-west-1",
        "aichats login --profile staging --url https://… < token.txt",
    ],
)
def login(
    session: Session,
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help="The address of the API: the output ApiUrl.")] = None,
    stack: Annotated[
        str | None, typer.Option(metavar="STACK", help="Read the address from this CloudFormation stack.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="REGION", help="The AWS region of the stack."),
    ] = None,
) -> None:
    """Store the address and the token of a stack as a profile, and use it from now on.

    The command asks for the token without showing it, or reads it from standard input. It checks the token before it
    stores it. Without --profile, the profile has the name of the stack, or `default`.
    """
    path = path_of(session.system.variables)
    wanted = wanted_profile(session, read(path).stored, url, stack, region)
    session.note(f"Profile {wanted.name}: {wanted.url}")
    profile = replace(wanted, token=checked_token(session.secret("Token"), "the token"))
    check(session, profile)
    change(path, lambda profiles: Profiles(dict(profiles.stored) | {profile.name: profile}, profile.name))
    session.note(f"Logged in. Commands now use the profile {profile.name}, which is stored in {path}")
    if session.system.variables.get(ENVIRONMENT):
        session.note(f"warning: {ENVIRONMENT} is set, and it comes before the profile: unset {ENVIRONMENT}")


def wanted_profile(
    session: Session, stored: Mapping[str, Profile], url: str | None, stack: str | None, region: str | None
) -> Profile:
    """Return the profile that a login is for, without its token."""
    if url is not None and stack is not None:
        raise UsageError("--url and --stack exclude each other", "leave one out")
    name = checked_name(session.profile_name or stack or "default")
    if stack is not None:
        address, found_region = address_of(stack, region)
        return Profile(name, checked_url(address, f"the output ApiUrl of {stack}"), "", stack, found_region)
    if url is None and name in stored:
        return replace(stored[name], token="", region=region or stored[name].region)
    if url is None and not session.system.stdin.isatty():
        raise UsageError("the address of the API is missing", "aichats login --url https://…")
    typed = url if url is not None else session.answer("Address of the API (the stack's output ApiUrl): ")
    return Profile(name, checked_url(typed, "the address"), "", region=region)


def address_of(stack: str, region: str | None) -> tuple[str, str]:
    """Return the URL of a deployed stack's API, and its region.

    Raises:
        CommandError: the stack can't be read, or the packages for AWS are missing.
    """
    try:
        module = importlib.import_module(STACKS)
    except ModuleNotFoundError as error:
        raise CommandError(
            f"--stack needs packages for AWS that are not installed: {error.name}",
            "install aichats-cli[admin], or give the address: aichats login --url https://…",
        ) from None
    address: str
    found: str
    address, found = module.address_and_region(stack, region)
    return address, found


def check(session: Session, profile: Profile) -> None:
    """Check that a stack of aichats answers at the address of a profile, and accepts its token.

    Raises:
        CommandError: it doesn't. The error says which of both.
    """
    from aichats_cli.api import ApiError

    stranger = session.api_of(replace(profile, token=""))  # Another service must not get the token.
    if "status" not in (stranger.get("/health") or {}):
        raise CommandError(f"{profile.url} isn't the API of a stack of aichats", "use the stack's output ApiUrl")
    try:
        session.api_of(profile).get("/automations", limit=1)
    except ApiError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            raise CommandError(
                f"{profile.url} doesn't accept the token. Nothing was stored",
                "get a token from an administrator of the stack: aichats admin callers add NAME",
            ) from None
        if error.status not in ANSWERS_TO_A_VALID_TOKEN:
            raise


@command(app, "logout", examples=["aichats logout", "aichats logout --profile staging"])
def logout(session: Session) -> None:
    """Remove a profile and its token from this machine: the current one, or that of --profile.

    The token stays valid. An administrator can end it with `aichats admin callers revoke`.
    """
    path = path_of(session.system.variables)

    def without(profiles: Profiles) -> Profiles:
        name = current(session.profile_name, session.system.variables, profiles)
        if name in {LOCAL, ENVIRONMENT}:
            raise CommandError(f"the profile {name} is built in and can't be removed", "aichats profiles")
        if name not in profiles.stored:
            raise missing(name, profiles)
        left = {key: value for key, value in profiles.stored.items() if key != name}
        session.note(f"Removed the profile {name}")
        return Profiles(left, LOCAL if profiles.default == name else profiles.default)

    session.note(f"Commands now use the profile {change(path, without).default}")


@command(app, "use", examples=["aichats use staging", "aichats use local"])
def use(
    session: Session, name: Annotated[str, typer.Argument(help="The name of a profile.", autocompletion=profile_names)]
) -> None:
    """Use a profile from now on, in all terminals."""
    variables = session.system.variables

    def chosen(profiles: Profiles) -> Profiles:
        if name not in profiles.known:
            raise missing(name, profiles)
        return Profiles(profiles.stored, name)

    change(path_of(variables), chosen)
    session.note(f"Commands now use the profile {name}")
    for variable in ("AICHATS_URL", "AICHATS_PROFILE"):
        if variables.get(variable):
            session.note(f"warning: {variable} is set, and it comes before this choice: unset {variable}")


@command(app, "profiles", examples=["aichats profiles", "aichats profiles -o json"])
def profiles(session: Session) -> None:
    """List the stacks that you can use. Tokens are never shown."""
    variables = session.system.variables
    content = read(path_of(variables))
    known = list(content.known.values())
    if variables.get(ENVIRONMENT):
        known.append(choose(None, variables))
    used = current(session.profile_name, variables, content)
    session.output.items(
        [
            {"name": each.name, "url": each.url, "stack": each.stack, "region": each.region, "used": each.name == used}
            for each in known
        ],
        {
            "name": lambda each: each["name"],
            "used": lambda each: "yes" if each["used"] else "",
            "url": lambda each: each["url"],
            "stack": lambda each: each["stack"],
            "region": lambda each: each["region"],
        },
    )
