"""Connect a Whop account to a deployed stack (`make login`). You allow access in the browser, and aichats renews it."""

from __future__ import annotations

import argparse
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
from local.companies import check_company
from local.connections import Connection, WhopStack, companies_in, users_of, with_connection
from local.console import Console
from local.deployed import DeployedError, MalformedSecretError
from local.errors import LocalError
from local.oauth_login.callback import PATH, Redirect, listening
from local.oauth_login.client import WANTED, ConsentDeniedError, Issued, LoginError, WhopOAuth
from local.oauth_login.pages import CONNECTED, DENIED, FAILED
from local.signals import SignalledError, interruptible, uninterrupted
from local.standins.shared.command import port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from local.oauth_login.callback import Callback
    from local.oauth_login.client import Account

PORT = 8913
"""The port of the redirect address, which you register at Whop."""
LIMIT_SECONDS = 300
"""The longest wait for your consent."""
MAX_LIMIT_SECONDS = 86_400
USAGE = "make login STACK=aichats-dev CLIENT_ID=app_... [CONNECTION=name] [COMPANY=biz_...] [PORT=8913] [TIMEOUT=300]"


@dataclass(frozen=True)
class Connected:
    """A connection whose new grant is stored."""

    connection: Connection
    account: Account
    issued: Issued


def main() -> int:
    """Log in. Return the exit code."""
    return interruptible(lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str], browse: Callable[[str], bool] | None = None) -> int:
    """Log in, with ``browse`` to open the URL. Return the exit code.

    Raises:
        SignalledError: a signal ended the command.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    console = Console(sys.stdout)
    try:
        stack = WhopStack.find(options.stack)
        connected = connect(console, stack, options, browse or open_browser)
    except (DeployedError, LocalError) as error:
        print(f"login: {error}. Nothing was stored", file=sys.stderr)
        return 1
    except SignalledError:
        print("login: stopped. Nothing was stored", file=sys.stderr)
        raise
    return finish(console, stack, options, connected)


def connect(
    console: Console, stack: WhopStack, options: argparse.Namespace, browse: Callable[[str], bool]
) -> Connected:
    """Ask for consent in the browser, and store the grant.

    Raises:
        DeployedError: a secret can't be read or written.
        LocalError: the login failed.
    """
    name = options.company or DEFAULT_CONNECTION if options.connection is None else options.connection
    connection = stack.connection(name)
    with suppress(MalformedSecretError):  # The login replaces it.
        connection.read()  # A missing permission is found before the browser opens.
    oauth = WhopOAuth(stack.oauth_url, options.client_id, options.company)
    consent = oauth.ask(f"http://localhost:{options.port}{PATH}")
    # From the first write on, signals wait, so that no message says that nothing was stored.
    with ExitStack() as stored, listening(options.port, consent.state) as callback:
        _invite(console, consent.url, options.port, browse)
        with _answered(_wait(console, callback, options.timeout)) as redirect:
            issued = oauth.exchange(consent, oauth.code_of(consent, redirect.target))
            account = _prove(oauth, issued)
            stored.enter_context(uninterrupted())
            connection.store(issued.grant)
    return Connected(connection, account, issued)


def finish(console: Console, stack: WhopStack, options: argparse.Namespace, connected: Connected) -> int:
    """Let the company use the connection, and show the result. Return the exit code.

    Raises:
        SignalledError: a signal ended the command.
    """
    name = connected.connection.name
    try:
        companies = _companies(console, stack, name, options.company)
    except (DeployedError, SignalledError) as error:
        command = f"make secret NAME=whop STACK={options.stack} COMPANY={options.company} CONNECTION={name}"
        hint = f", but {options.company} does not use it yet. Type: {command}" if options.company else ""
        reason = error if isinstance(error, DeployedError) else "stopped"
        print(f"login: {reason}. Connection {name} is stored{hint}", file=sys.stderr)
        if isinstance(error, SignalledError):
            raise
        return 1
    _show(console, options.stack, connected, companies)
    _warn(console, connected.issued)
    return 0


def _companies(console: Console, stack: WhopStack, name: str, company: str | None) -> str:
    """Let the company use the connection, if there is one. Return all companies that use it, in words.

    Raises:
        DeployedError: the secret can't be read or written.
    """
    before: dict[str, object] = {}

    def mapped(value: dict[str, object]) -> dict[str, object]:
        before.clear()
        before.update(value)
        return with_connection(value, company, name) if company else value

    value = stack.secret.change(mapped) if company else stack.secret.read()
    if company and isinstance(companies_in(before).get(company), str):
        console.line(f"{company} had an API key of its own. The connection replaced it.")
    return users_of(value, name)


def _invite(console: Console, url: str, port: int, browse: Callable[[str], bool]) -> None:
    """Show the URL, and open it in the browser."""
    console.line("To let aichats use your Whop account, open this URL in a browser on this machine:")
    console.line(f"\n  {url}\n")
    if not browse(url):
        console.line("For a browser on another machine, type this there first, with the name of this machine:")
        console.line(f"\n  ssh -L {port}:localhost:{port} THIS_MACHINE\n")


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


def _wait(console: Console, callback: Callback, limit: int) -> Redirect:
    """Wait for the redirect, and show how much time is left.

    Raises:
        LoginError: it didn't arrive in time.
    """
    end = time.monotonic() + limit
    console.line(f"Waiting up to {_duration(limit)} for your consent. To stop, press Ctrl-C.")
    while (left := end - time.monotonic()) > 0:
        minutes, seconds = divmod(math.ceil(left), 60)
        with console.passing(f"  … waiting for your consent ({minutes}:{seconds:02})"):
            redirect = callback.wait(min(1.0, left))
        if redirect is not None:
            return redirect
    raise LoginError(f"no consent within {_duration(limit)}. For more time, type TIMEOUT=900 after the command")


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


def _prove(oauth: WhopOAuth, issued: Issued) -> Account:
    """Return the account of the grant.

    Raises:
        LoginError: the grant is of no use for aichats.
    """
    if WANTED[0] not in issued.scopes:
        raise LoginError(
            f"Whop did not grant {WANTED[0]}, without which aichats can't create chats. Select it in the app's"
            " settings at Whop, and type the command again"
        )
    return oauth.account(issued.grant.access_token)


def _show(console: Console, stack: str, connected: Connected, companies: str) -> None:
    account, issued = connected.account, connected.issued
    console.line(f"Connection {connected.connection.name} of {stack} is stored.")
    rows = [
        ("account", f"{account.name} ({account.user_id})"),
        ("scopes", " ".join(sorted(issued.scopes))),
        ("companies", companies),
        ("secret", connected.connection.secret.name),
        ("renewal", f"automatic, before {issued.grant.expires_at:%H:%M} UTC and about every 40 minutes after that"),
    ]
    console.table(rows)
    console.line("Functions use it within 5 minutes.")


def _warn(console: Console, issued: Issued) -> None:
    """Warn of scopes that the user did not grant."""
    if missing := [scope for scope in WANTED if scope not in issued.scopes]:
        console.line(f"Warning: Whop did not grant {', '.join(missing)}, so aichats can't do these actions.")
        console.line("Select them in the app's settings at Whop, and type the command again.")


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the options that need no stack."""
    check_company(parser, options.company)
    if not options.port:
        parser.error("PORT must be the port of the redirect address that you registered at Whop, not 0")
    if not options.client_id.startswith("app_") or not options.client_id.isprintable():
        parser.error(f"CLIENT_ID must be the ID of your app at Whop, such as app_XXXXX, not {options.client_id!r}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make login", usage=USAGE, description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the deployed stack, such as aichats-dev (STACK=)")
    parser.add_argument("--client-id", required=True, help="ID of your app at Whop, app_... (CLIENT_ID=)")
    parser.add_argument("--connection", help="name of the connection; `default` serves all companies (CONNECTION=)")
    parser.add_argument("--company", help="company (biz_...) to which the access is limited (COMPANY=)")
    parser.add_argument("--port", type=port, default=PORT, help="port of the redirect address (PORT=)")
    parser.add_argument("--timeout", type=_seconds, default=LIMIT_SECONDS, help="seconds to wait (TIMEOUT=)")
    return parser


def _seconds(text: str) -> int:
    """Return a number of seconds.

    Raises:
        argparse.ArgumentTypeError: it isn't one.
    """
    if not text.isdecimal() or not 0 < int(text) <= MAX_LIMIT_SECONDS:
        raise argparse.ArgumentTypeError(f"must be 1 to {MAX_LIMIT_SECONDS} seconds, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
