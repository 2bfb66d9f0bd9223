"""`aichats open`: pages of a stack in the browser."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aichats_cli.commands.auto.group import path_to
from aichats_cli.complete import automation_names
from aichats_cli.errors import CommandError
from aichats_cli.groups import new_group
from aichats_cli.ids import RUN_ID, path_to_run
from aichats_cli.output import Format
from aichats_cli.session import Session, command

app = new_group("Open a page of your stack in the browser.")


class Page(StrEnum):
    """The pages that have a name."""

    console = "console"
    docs = "docs"
    problems = "problems"
    dashboard = "dashboard"
    receiver = "receiver"


def page_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the pages and the automations that begin with ``incomplete``."""
    return [page for page in Page if page.startswith(incomplete)] + automation_names(context, incomplete)


@command(
    app,
    "open",
    examples=[
        "aichats open",
        "aichats open weekly-revenue",
        "aichats open RUN_ID",
        "aichats open '/runs?status=failed'",
        "aichats open dashboard --profile prod",
        "aichats open receiver --print",
    ],
)
def open_page(
    session: Session,
    page: Annotated[
        str,
        typer.Argument(
            metavar="PAGE",
            autocompletion=page_names,
            help="console: the page on which you see and change everything; the name of an automation or the ID of a"
            " run: its page there; a path that begins with /: that page of the console, such as /usage, or"
            " /automations/docs for an automation with the name docs; docs: the reference of the HTTP API; problems:"
            " the errors of the API; dashboard: the CloudWatch dashboard of a stack on AWS; receiver: the events that"
            " the mock receiver of `aichats dev` got.",
        ),
    ] = Page.console.value,
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


def url_of(session: Session, page: str) -> str:
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
    return f"{session.profile.url}/console{console_path(session, page)}"


def console_path(session: Session, page: str) -> str:
    """Return the path of a page below the console.

    Raises:
        CommandError: there is no such automation.
    """
    if page == Page.console:
        return ""
    if page.startswith("/"):
        return page
    if RUN_ID.fullmatch(page):
        return path_to_run(page)
    path = path_to(page)
    # A word with a typo is an error here, not a page that says that there is no such automation.
    session.api.get(path)
    return path


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
