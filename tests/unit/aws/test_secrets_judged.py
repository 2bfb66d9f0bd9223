"""The contents of secrets are read as pydantic reads the same JSON, with the same errors."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from aichats.api import callers
from aichats.api.callers import StoredCaller
from aichats.aws.secret_values import parse_secret
from aichats.errors import SecretError
from aichats.kodey.credentials import KodeySecret
from aichats.records import Record, RecordError
from aichats.subscriptions.signing import EventsSecret
from aichats.whop.connections import ConnectionSecret, DescribedConnection
from aichats.whop.credentials import WebhookSecret, WhopSecret
from tests.support import secret_models

SECRETS: list[type[Record]] = [
    WhopSecret,
    WebhookSecret,
    KodeySecret,
    EventsSecret,
    ConnectionSecret,
    DescribedConnection,
]
NAMES = ["api_key", "companies", "secrets", "signing_key", "oauth", "account", "id", "name", "x"]
GRANT = ["client_id", "refresh_token", "access_token", "expires_at", "company_id"]
CALLER = ["sha256", "scopes", "lineage", "expires_at", "previous", "companies"]

keys = st.sampled_from(["key", "ak_1", "k" * 4096, "k" * 4097, "", "a b", "a\n", "\x7f", "ü", "biz_A"]) | st.text()
times = st.sampled_from(
    [1_800_000_000, 1_800_000_000.5, 1_800_000_000_000, -1, 0, 10**30, None, "", "soon"]
    + [f"2027-{rest}" for rest in ("01-01T00:00:00Z", "01-01T01:00:00+01:00", "01-01T00:00:00", "13-01T00:00:00Z")]
)
ids = st.sampled_from(["biz_A", "biz_B1", "biz_", "biz_A-b", "biz_A\n", "sk_live_5", "", 1, None])
companies = st.dictionaries(
    ids.filter(lambda value: isinstance(value, str)),
    keys | st.fixed_dictionaries({}, optional={"connection": keys | st.none()}) | st.integers(),
    max_size=3,
)
hashes = st.sampled_from(["a" * 64, "A" * 64, "a" * 63, "a" * 64 + "\n", 5, None])
scopes = st.lists(st.sampled_from(["chats:read", "runs:write", "chats:eat", 5, None]), max_size=3)
anything = st.recursive(st.none() | st.booleans() | st.integers() | keys, lambda inner: st.lists(inner, max_size=6))
grants = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(GRANT[:3], keys | anything) | {"expires_at": times, "company_id": ids}
)
complete = st.fixed_dictionaries(dict.fromkeys(GRANT[:3], keys) | {"expires_at": times}, optional={"company_id": ids})
accounts = st.dictionaries(st.sampled_from(["id", "name", "username", "x"]), anything)
values = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(NAMES, keys | anything)
    | {"companies": companies | anything, "oauth": grants | complete | anything, "account": accounts | anything}
    | {"secrets": st.lists(keys, max_size=7) | anything},
)
previous = st.fixed_dictionaries({}, optional={"sha256": hashes, "expires_at": times})
entries = st.fixed_dictionaries(
    {},
    optional={"sha256": hashes, "scopes": scopes | anything, "lineage": st.sampled_from(["abcdefgh", "abc", 5, None])}
    | {"expires_at": times, "previous": previous | anything, "companies": st.lists(ids, max_size=3) | anything},
)


def read(parse: Callable[[Any], Any], value: object) -> object:
    """Return the values of the fields, or the error."""
    try:
        return plain(parse(value))
    except SecretError as error:
        return error.problem


def plain(value: object) -> object:
    """Return a record or a model as a dictionary, with all that is inside."""
    if isinstance(value, Record):
        return {name: plain(field) for name, field in vars(value).items()}
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    return {name: plain(field) for name, field in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("kind", SECRETS, ids=lambda kind: kind.__name__)
@given(value=values)
def test_any_secret_is_read_as_pydantic_reads_it(kind: type[Record], value: dict[str, Any]) -> None:
    model = getattr(secret_models, kind.__name__)

    ours = read(lambda content: parse_secret(kind, "secret", content, or_empty=True), value)

    assert ours == read(lambda content: secret_models.judged_secret(model, content), value)


@given(value=entries | anything)
def test_any_caller_is_read_as_pydantic_reads_it(value: object) -> None:
    try:
        judged, wrong = secret_models.StoredCaller.model_validate(value), None
    except ValidationError as error:
        judged, wrong = None, [detail["loc"] for detail in error.errors()]

    try:
        caller, problems = StoredCaller.of(value), None
    except RecordError as error:
        caller, problems = None, [place for place, _ in error.problems]

    assert (plain(caller), problems) == (plain(judged), wrong)


def test_the_scopes_of_callers_are_those_of_the_type() -> None:
    assert len(callers.SCOPES) == len(set(callers.SCOPES)) == 9
