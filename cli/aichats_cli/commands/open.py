"""`aichats open`: pages of a stack in the browser."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aichats_cli.errors import CommandError
from aichats_cli.groups import new_group
from aichats_cli.output import Format
from aichats_cli.session import Session, command

app = new_group("Open a page of your stack in the browser.")


class Page(StrEnum):
    """The pages of a stack."""

    docs = "docs"
    problems = "problems"
    dashboard = "dashboard"
    receiver = "receiver"


@command(
    app, "open", examples=["aichats open", "aichats open dashboard --profile prod", "aichats open receiver --print"]
)
def open_page(
    session: Session,
    page: Annotated[
        Page,
        typer.Argument(
            metavar="PAGE",
            help="docs: the reference of the HTTP API; problems: the errors of the API;"
            " dashboard: the CloudWatch dashboard of a stack on AWS; receiver: the events that the mock receiver of"
            " `aichats dev` got.",
        ),
    ] = Page.docs,
    *,
    print_only: Annotated[bool, typer.Option("--print", help="Print the URL, and open nothing.")] = False,
) -> None:
    """Open a page of your stack in the browser. In a pipe, print its URL."""
    url = url_of(session, page)
    if session.output.format in {Format.json, Format.yaml}:
        session.output.data({"url": url})
    elif print_only or not session.output.is_terminal or session.output.format is Format.name:
        session.output.lines([url])
    elif session.system.browse(url):
        session.note(f"Opened {url}")
    else:
        session.note("There is no browser to open here. Open this page:")
        session.output.lines([url])


def url_of(session: Session, page: Page) -> str:
    """Return the URL of a page.

    Raises:
        CommandError: the stack has no such page.
    """
    match page:
        case Page.docs:
            return f"{session.profile.url}/docs"
        case Page.problems:
            return f"{session.profile.url}/docs/problems"
        case Page.dashboard:
            return dashboard_of(session)
        case Page.receiver:
            from aichats_cli.mocks import MockServer, local_stack

            return f"{local_stack(session).mocks[MockServer.receiver]}/"


def dashboard_of(session: Session) -> str:
    """Return the URL of the stack's dashboard.

    Raises:
        CommandError: the profile doesn't know the stack and its region.
    """
    profile = session.profile
    if not profile.stack or not profile.region:
        raise CommandError(
            f"the profile {profile.name} doesn't know the name and the region of its stack on AWS",
            "aichats login --stack NAME --region REGION",
        )
    console = f"https://{profile.region}.console.aws.amazon.com/cloudwatch/home?region={profile.region}"
    return f"{console}#dashboards/dashboard/{profile.stack}"
