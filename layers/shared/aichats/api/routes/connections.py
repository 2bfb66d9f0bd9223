"""``/connections``: the Whop accounts and API keys with which the stack works."""

from collections.abc import Iterable
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.stored_automations import READ
from aichats.models import DeferredModel
from aichats.whop.connection_states import ConnectionState, ConnectionStatus, connection_status
from aichats.whop.connections import CONNECTION_ROWS, DEFAULT_CONNECTION


class ConnectedAccount(DeferredModel):
    """The Whop user who granted the tokens, as Whop described the user at the login."""

    id: str
    name: str | None = None
    username: str | None = None


class ConnectionView(DeferredModel):
    """A connection: the account of a Whop user, with which aichats works for companies."""

    name: str
    state: Annotated[
        ConnectionState,
        Field(
            description="`expired`: its access has ended, and aichats has not renewed it yet. `broken`: Whop rejected "
            "the renewal, so the user must log in again. `disconnected`: no user is logged in. `unreadable`: aichats "
            "can't read its secret, and `reason` says why"
        ),
    ]
    is_default: Annotated[
        bool, Field(description="Whether the companies without a credential of their own use it, unless disconnected")
    ]
    companies: Annotated[list[str], Field(description="The companies for which it was chosen, sorted")]
    account: Annotated[
        ConnectedAccount | None, Field(description="The user; null if the user logged in with an earlier version")
    ]
    client_id: Annotated[str | None, Field(description="The app at Whop")]
    company_id: Annotated[str | None, Field(description="The only company that the access covers; null: all")]
    expires_at: Annotated[datetime | None, Field(description="The end of the current access token")]
    renews_at: Annotated[
        datetime | None,
        Field(description="The time from which aichats renews the access; it looks every ten minutes"),
    ]
    renewed_at: Annotated[datetime | None, Field(description="The last renewal; null if there was none")]
    broken_at: Annotated[datetime | None, Field(description="The time at which Whop rejected the renewal")]
    reason: Annotated[str | None, Field(description="Why it is broken or can't be read")]


class KeyHolders(DeferredModel):
    """The API keys of Whop that the stack has."""

    default: Annotated[bool, Field(description="Whether there is a key for companies without a credential")]
    companies: Annotated[list[str], Field(description="The companies that have a key of their own, sorted")]


class Connections(DeferredModel):
    """The connections, sorted by name with `default` first, and the API keys."""

    data: list[ConnectionView]
    api_keys: KeyHolders


@operation("GET", "/connections", "List the connections", scopes=READ, answers={200: Connections})
def list_connections(call: ApiCall[None, None]) -> Reply:
    """Return the connections to Whop that are in use, and say which companies use which credential.

    These are `default` and the connections that were chosen for companies. The answer contains no token and no key. It
    is up to five minutes old, but only 30 seconds for a connection that does not work.
    """
    from aichats.automations.sweep_part import call_concurrently
    from aichats.runs.providers.whop import WhopProvider

    credentials, now = call.app.provider(WhopProvider).credentials, call.app.ledger.clock()
    companies = credentials.connections()
    names = sorted(companies, key=lambda name: (name != DEFAULT_CONNECTION, name))
    items = call.app.ledger.items
    rows = {item["run_id"]: item for item in items.get_all([f"{CONNECTION_ROWS}{name}" for name in names])}

    def view(name: str) -> ConnectionView:
        status = connection_status(credentials, name, rows.get(f"{CONNECTION_ROWS}{name}", {}), now)
        return _view(name, companies[name], status)

    keys = [key.company_id for key in credentials.api_keys()]
    holders = KeyHolders(default=None in keys, companies=_ids(company for company in keys if company))
    # Each thread gets the deadline of the invocation.
    contexts = [copy_context() for _ in names]
    data = call_concurrently(lambda job: job[0].run(view, job[1]), list(zip(contexts, names, strict=True)))
    return Reply(Connections(data=data, api_keys=holders))


def _view(name: str, companies: list[str], status: ConnectionStatus) -> ConnectionView:
    from aichats.whop.renewal import RENEW_BEFORE_END

    grant, account, row = status.secret.oauth, status.secret.account, status.row
    is_renewed = grant is not None and status.state in ("connected", "expired")
    return ConnectionView(
        name=name,
        state=status.state,
        is_default=name == DEFAULT_CONNECTION,
        companies=_ids(companies),
        account=ConnectedAccount(**vars(account)) if account else None,
        client_id=grant.client_id if grant else None,
        company_id=grant.company_id if grant else None,
        expires_at=grant.expires_at if grant else None,
        renews_at=grant.expires_at - RENEW_BEFORE_END if grant and is_renewed else None,
        renewed_at=_time(row.get("renewed_at")),
        broken_at=_time(row.get("broken_at")) if status.state == "broken" else None,
        reason=status.reason,
    )


def _ids(companies: Iterable[str]) -> list[str]:
    """Return the IDs of companies. A person may have written a key in the place of one, which must not be shown."""
    return [company for company in companies if company.startswith("biz_")]


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
