"""Connect a Whop account to a deployed stack. You allow access in the browser, and aichats renews it."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import webbrowser
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aichats.whop.connections import DEFAULT_CONNECTION
from aichats_cli.admin.companies import check_company
from aichats_cli.admin.connections import WhopStack, companies_in, users_of, with_connection
from aichats_cli.admin.deployed import DeployedError, MalformedSecretError
from aichats_cli.admin.oauth_login.callback import PATH, Redirect, listening
from aichats_cli.admin.oauth_login.client import WANTED, ConsentDeniedError, LoginError, WhopOAuth
from aichats_cli.admin.oauth_login.pages import CONNECTED, DENIED, FAILED
from aichats_cli.admin.progress import passing
from aichats_cli.errors import CommandError, UsageError
from aichats_cli.signals import SignalledError, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aichats.whop.connections import WhopAccount
    from aichats_cli.admin.connections import Connection
    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.admin.oauth_login.callback import Callback
    from aichats_cli.admin.oauth_login.client import Issued
    from aichats_cli.session import Session


@dataclass(frozen=True)
class Request:
    """A request to connect an account.

    Attributes:
        client_id: the ID of your app at Whop.
        connection: the name of the connection; ``None``: the company, or the default one.
        company: the company to which the access is limited.
        port: the port of the redirect address, which you registered at Whop.
        timeout: the longest wait for your consent, in seconds.
    """

    client_id: str
    connection: str | None
    company: str | None
    port: int
    timeout: int

    def check(self) -> None:
        """Check what needs no stack.

        Raises:
            UsageError: an option is invalid.
        """
        check_company(self.company)
        if not self.client_id.startswith("app_") or not self.client_id.isprintable():
            raise UsageError(
                f"--client-id must be the ID of your app at Whop, such as app_XXXXX, not {self.client_id!r}"
            )

    @property
    def name(self) -> str:
        """The name of the connection."""
        return self.company or DEFAULT_CONNECTION if self.connection is None else self.connection


@dataclass(frozen=True)
class Connected:
    """A connection whose new grant is stored."""

    connection: Connection
    account: WhopAccount
    issued: Issued


def connect(session: Session, stack: DeployedStack, request: Request) -> None:
    """Connect an account, and show the connection.

    Raises:
        UsageError: an option is invalid.
        CommandError: the login failed, or a secret can't be read or written. The message says what is stored.
        SignalledError: a signal ended the command. A note says what is stored.
    """
    request.check()
    try:
        whop = WhopStack.of(stack)
        connected = log_in(session, whop, request)
    except CommandError as error:
        raise type(error)(f"{error.message}. Nothing was stored", error.hint) from error
    except SignalledError:
        session.note("Stopped. Nothing was stored.")
        raise
    finish(session, stack, whop, request, connected)


def log_in(session: Session, whop: WhopStack, request: Request) -> Connected:
    """Ask for consent in the browser, and store the grant.

    Raises:
        DeployedError: a secret can't be read or written.
        CommandError: the login failed.
    """
    connection = whop.connection(request.name)
    with suppress(MalformedSecretError):  # The login replaces it.
        connection.read()  # A missing permission is found before the browser opens.
    oauth = WhopOAuth(whop.oauth_url, request.client_id, request.company)
    consent = oauth.ask(f"http://localhost:{request.port}{PATH}")
    # From the first write on, signals wait, so that no message says that nothing was stored.
    with ExitStack() as stored, listening(request.port, consent.state) as callback:
        _invite(session, consent.url, request.port)
        with _answered(_wait(session, callback, request.timeout)) as redirect:
            issued = oauth.exchange(consent, oauth.code_of(consent, redirect.target))
            account = _prove(oauth, issued)
            stored.enter_context(uninterrupted())
            connection.store(issued.grant, account)
    return Connected(connection, account, issued)


def finish(session: Session, stack: DeployedStack, whop: WhopStack, request: Request, connected: Connected) -> None:
    """Let the company use the connection, and show the result.

    Raises:
        DeployedError: the connection is stored, but the secret `whop` can't be read or written.
        SignalledError: a signal ended the command.
    """
    name, company = connected.connection.name, request.company
    try:
        companies = _companies(session, whop, name, company)
    except (DeployedError, SignalledError) as error:
        reason = error.message if isinstance(error, DeployedError) else "stopped"
        unused = f", but {company} does not use it yet" if company else ""
        problem = f"{reason}. Connection {name} is stored{unused}"
        command = stack.command(f"secret set whop --company {company} --connection {name}") if company else None
        if isinstance(error, DeployedError):
            raise DeployedError(problem, command) from error
        session.note(f"{problem}. Type: {command}" if command else problem)
        raise
    _show(session, stack, connected, companies)
    _warn(session, connected.issued)


def _companies(session: Session, whop: WhopStack, name: str, company: str | None) -> str:
    """Let the company use the connection, if there is one. Return all companies that use it, in words.

    Raises:
        DeployedError: the secret can't be read or written.
    """
    before: dict[str, object] = {}

    def mapped(value: dict[str, object]) -> dict[str, object]:
        before.clear()
        before.update(value)
        return with_connection(value, company, name) if company else value

    value = whop.secret.change(mapped) if company else whop.secret.read()
    if company and isinstance(companies_in(before).get(company), str):
        session.note(f"{company} had an API key of its own. The connection replaced it.")
    return users_of(value, name)


def _invite(session: Session, url: str, port: int) -> None:
    """Show the URL, and open it in the browser."""
    session.note("To let aichats use your Whop account, open this URL in a browser on this machine:")
    session.note(f"\n  {url}\n")
    if not open_browser(url):
        session.note("For a browser on another machine, type this there first, with the name of this machine:")
        session.note(f"\n  ssh -L {port}:localhost:{port} THIS_MACHINE\n")


def open_browser(url: str, environment: Mapping[str, str] = os.environ, system: str = sys.platform) -> bool:
    """Open the URL in your browser. Return ``False`` if there is none. `BROWSER=` turns this off.

    Without a display, `webbrowser` would start a browser for text in the terminal.
    """
    graphical = system == "darwin" or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if not environment.get("BROWSER", graphical):
        return False

    def browse() -> None:
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(url)

    # Some browsers return only when they are closed.
    threading.Thread(target=browse, daemon=True).start()
    return True


def _wait(session: Session, callback: Callback, limit: int) -> Redirect:
    """Wait for the redirect, and show how much time is left.

    Raises:
        LoginError: it didn't arrive in time.
    """
    end = time.monotonic() + limit
    session.note(f"Waiting up to {_duration(limit)} for your consent. To stop, press Ctrl-C.")
    while (left := end - time.monotonic()) > 0:
        minutes, seconds = divmod(math.ceil(left), 60)
        with passing(session, f"  … waiting for your consent ({minutes}:{seconds:02})"):
            redirect = callback.wait(min(1.0, left))
        if redirect is not None:
            return redirect
    raise LoginError(f"no consent within {_duration(limit)}", "for more time, add --timeout 900 to the command")


def _duration(seconds: int) -> str:
    """Return a time limit in words."""
    return f"{seconds} seconds" if seconds % 60 else f"{seconds // 60} minutes"


@contextmanager
def _answered(redirect: Redirect) -> Iterator[Redirect]:
    """Show the result of the ``with`` block in the browser."""
    try:
        yield redirect
    except ConsentDeniedError:
        redirect.answer(DENIED)
        raise
    except BaseException:
        redirect.answer(FAILED)
        raise
    redirect.answer(CONNECTED)


def _prove(oauth: WhopOAuth, issued: Issued) -> WhopAccount:
    """Return the account of the grant.

    Raises:
        LoginError: the grant is of no use for aichats.
    """
    if WANTED[0] not in issued.scopes:
        raise LoginError(
            f"Whop did not grant {WANTED[0]}, without which aichats can't create chats",
            "select it in the app's settings at Whop, and type the command again",
        )
    return oauth.account(issued.grant.access_token)


def _show(session: Session, stack: DeployedStack, connected: Connected, companies: str) -> None:
    account, grant = connected.account, connected.issued.grant
    name, secret, scopes = connected.connection.name, connected.connection.secret.name, sorted(connected.issued.scopes)
    session.note(f"Connection {name} of {stack.name} is stored.")
    session.output.item(
        {
            "name": name,
            "account": dict(vars(account)),
            "scopes": scopes,
            "companies": companies,
            "secret": secret,
            "renewed_before": grant.expires_at.isoformat(),
        },
        {
            "account": f"{account.name or account.username or '(no name)'} ({account.id})",
            "scopes": " ".join(scopes),
            "companies": companies,
            "secret": secret,
            "renewal": f"automatic, before {grant.expires_at:%H:%M} UTC and about every 40 minutes after that",
        },
    )
    session.note("Functions use it within 5 minutes.")


def _warn(session: Session, issued: Issued) -> None:
    """Warn of scopes that the user did not grant."""
    if missing := [scope for scope in WANTED if scope not in issued.scopes]:
        session.note(f"Warning: Whop did not grant {', '.join(missing)}, so aichats can't do these actions.")
        session.note("Select them in the app's settings at Whop, and type the command again.")
