"""Whop, Secrets Manager and DynamoDB as a stack with connections meets them, with what they must never see.

Each part raises an AssertionError at once if the code under test breaks a promise.
"""

import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import httpx

from aichats.aws.attributes import decode, encode
from aichats.aws.errors import ResponseError
from tests.support.crashing import Crash, FaultyProvider, World
from tests.support.fakes import Json, aws_error, error_response
from tests.support.ledgers import Clock
from tests.support.oauth_in_memory import OAuthInMemory
from tests.support.secret_vault import SecretVault
from tests.support.whop_in_memory import WhopInMemory

CALL = timedelta(seconds=20)
"""The time limit of a call to Whop."""
OAUTH_FAULTS = ["unreachable", "cut", "lost", "malformed", "late", "500", "503", "429", "400"]
"""The ways in which a call to Whop's OAuth fails. ``late``: the connection breaks, and Whop acts some seconds later."""
DAY = timedelta(days=1)
MAX_VERSIONS = 96
"""The maximum number of versions that a secret may get in 24 hours. Secrets Manager takes about 100."""


class RandomFaults(Mapping[int, str]):
    """A plan for a process: each call fails with a probability, in one of several ways."""

    def __init__(self, randomness: random.Random, share: float, kinds: Sequence[str]) -> None:
        self._randomness, self._share, self._kinds = randomness, share, kinds

    def __getitem__(self, _call: int) -> str:
        return self._randomness.choice(self._kinds) if self._randomness.random() < self._share else "none"

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


class InlineExecutor:
    """An executor that runs all work at once in the same thread, so that the order of all calls is always the same."""

    def __init__(self, max_workers: int) -> None:
        self.max_workers = max_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=True)

    def submit[T](self, function: Callable[..., T], *arguments: object) -> Future[T]:
        future: Future[T] = Future()
        with _KeptFor(future):
            future.set_result(function(*arguments))
        return future

    def map[T](self, function: Callable[[Any], T], arguments: Iterable[object]) -> list[T]:
        return [function(argument) for argument in arguments]

    def shutdown(self, *, wait: bool) -> None:
        """Do nothing, because all work is done."""


@dataclass
class _KeptFor:
    """A context that keeps an exception, or the death of the process, as the result of a future."""

    future: Future[Any]

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if error is not None:
            self.future.set_exception(error)
        return True


class RowsInMemory:
    """DynamoDB for the rows of connections: updates with a condition whose terms are joined by ``OR``."""

    def __init__(self) -> None:
        self.rows: dict[str, Json] = {}

    def get_item(self, **request: Any) -> Json:
        [key] = decode(request["Key"]).values()
        return {"Item": encode(self.rows[key])} if key in self.rows else {}

    def update_item(self, **request: Any) -> Json:
        [key] = decode(request["Key"]).values()
        row, values = self.rows.get(key, {}), decode(request["ExpressionAttributeValues"])
        if not any(_holds(term, row, values) for term in request["ConditionExpression"].split(" OR ")):
            answer: Any = {**aws_error("ConditionalCheckFailedException").response, "Item": encode(row)}
            raise ResponseError(answer, "UpdateItem")
        assigned, _, removed = request["UpdateExpression"].removeprefix("SET ").partition("REMOVE ")
        changes = dict(part.strip().split(" = ") for part in assigned.split(",") if part.strip())
        gone = {name.strip().removeprefix("#") for name in removed.split(",")}
        changed = {**row, "run_id": key, **{name[1:]: values[value] for name, value in changes.items()}}
        self.rows[key] = {name: value for name, value in changed.items() if name not in gone}
        return {"Attributes": encode(row)} if "ReturnValues" in request and row else {}


def _holds(term: str, row: Json, values: Json) -> bool:
    match term.split():
        case [text]:
            return text.removeprefix("attribute_not_exists(#").removesuffix(")") not in row
        case [name, "=", value]:
            return bool(row.get(name[1:]) == values[value])
        case [name, "<", value]:
            return name[1:] in row and bool(row[name[1:]] < values[value])
    raise AssertionError(term)


class WatchedVault(SecretVault):
    """Secrets Manager, which is down at times.

    Attributes:
        down_until: the end of the last outage.
        changed: is called with the name of a secret that has a new current version.
        stored: all refresh tokens that were ever stored.
        most_versions: the highest number of versions of a secret in 24 hours.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock, self.down_until = clock, clock.now
        self.changed: Callable[[str], None] = lambda _name: None
        self.stored: set[str] = set()
        self.most_versions = 0
        self._written: defaultdict[str, deque[datetime]] = defaultdict(deque)

    def put(self, name: str, value: Json) -> None:
        super().put(name, value)
        self._note(name, value)
        self.changed(name)

    def get_secret_value(self, **request: Any) -> Json:
        self._fail_if_down()
        return super().get_secret_value(**request)

    def put_secret_value(self, **request: Any) -> Json:
        self._fail_if_down()
        is_new = request["ClientRequestToken"] not in self.secrets[request["SecretId"]].versions
        answer = super().put_secret_value(**request)
        if is_new:
            self._note(request["SecretId"], json.loads(request["SecretString"]))
        return answer

    def update_secret_version_stage(self, **request: Any) -> Json:
        self._fail_if_down()
        answer = super().update_secret_version_stage(**request)
        self.changed(request["SecretId"])
        return answer

    def list_secrets(self, **request: Any) -> Json:
        self._fail_if_down()
        return super().list_secrets(**request)

    def _fail_if_down(self) -> None:
        if self._clock.now < self.down_until:
            raise aws_error("InternalServiceError")

    def _note(self, name: str, value: Json) -> None:
        self.stored |= {value["oauth"]["refresh_token"]} if "oauth" in value else set()
        written, now = self._written[name], self._clock.now
        written.append(now)
        while written[0] <= now - DAY:
            written.popleft()
        self.most_versions = max(self.most_versions, len(written))
        assert len(written) <= MAX_VERSIONS, f"{name} got {len(written)} versions in 24 hours"


@dataclass(frozen=True)
class _Late:
    """A call that Whop performs although its connection broke."""

    connection: str
    time: datetime
    body: Json


class WatchedOAuth(OAuthInMemory):
    """Whop's OAuth, which fails in a tenth of the calls, and which checks the use of refresh tokens.

    Attributes:
        failing: the share of the calls that fail.
        ends: the end of each access token.
        connections: the connection of each token.
        failures: the number of calls that failed, by the way in which they did.
        renewed: the number of renewals.
        is_final: returns whether a connection counts as broken because of a refresh token.
    """

    def __init__(self, world: World, vault: WatchedVault, randomness: random.Random) -> None:
        super().__init__(world.clock)
        self._world, self._vault, self._randomness = world, vault, randomness
        self.failing = 0.1
        self.ends: dict[str, datetime] = {}
        self.failures: Counter[str] = Counter()
        self.renewed = self.repeated = 0
        self.is_final: Callable[[str, str], bool] = lambda _connection, _token: False
        self._successors: dict[str, str] = {}
        self.connections: dict[str, str] = {}
        self._at_work: set[str] = set()
        self._late: list[_Late] = []

    def is_dead(self, connection: str) -> bool:
        """Return whether no stored refresh token of a connection is valid."""
        family = self.families[connection]
        return family.is_revoked or family.refresh_token not in self._vault.stored

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body, began_at = json.loads(request.read()), self._world.clock.now
        connection = self.connections[body["refresh_token"]]
        self.settle()
        self._begin(connection)
        try:
            fault = self._world.fault()
            if self._world.clock.now - began_at > CALL:
                raise httpx.ConnectTimeout("not sent in time")
            response = self._answer(request, connection, body)
            if fault == "crash after":
                raise Crash
            if self._world.clock.now - began_at > CALL:
                raise httpx.ReadTimeout("no answer in time")
            return response
        finally:
            self._at_work.remove(connection)

    def settle(self) -> None:
        """Perform the late calls whose time has come."""
        due = [late for late in self._late if late.time <= self._world.clock.now]
        self._late = [late for late in self._late if late not in due]
        for late in due:
            self._refresh(late.body)

    def _begin(self, connection: str) -> None:
        busy = self._at_work | {late.connection for late in self._late}
        assert connection not in busy, f"two renewals of {connection} at once"
        self._at_work.add(connection)

    def _answer(self, request: httpx.Request, connection: str, body: Json) -> httpx.Response:
        fault = self._randomness.choice(OAUTH_FAULTS) if self._randomness.random() < self.failing else ""
        self.failures[fault] += 1
        if fault == "late":
            time = self._world.clock.now + timedelta(seconds=self._randomness.randint(1, 30))
            self._late.append(_Late(connection, time, body))
            raise httpx.ReadError("connection lost")
        self.faults = [fault]
        self._world.clock.forward(seconds=self._randomness.randint(0, 3))
        response = super().handle_request(request)
        self._world.clock.forward(seconds=self._randomness.choice([0, 1, 12]))
        return response

    def _refresh(self, body: Json) -> httpx.Response:
        token = body["refresh_token"]
        connection = self.connections[token]
        if token in self._successors:
            self.repeated += 1
            assert self._successors[token] not in self._vault.stored, f"a refresh token of {connection} was used twice"
        assert not self.is_final(connection, token), f"the refresh token of the broken {connection} was used again"
        return super()._refresh(body)

    def _issue(self, family: Any) -> Json:
        before = family.refresh_token
        tokens = super()._issue(family)
        if before:
            self._successors[before] = family.refresh_token
            self.renewed += 1
        self.connections[family.refresh_token] = family.name
        self.connections[tokens["access_token"]] = family.name
        self.ends[tokens["access_token"]] = family.ends[tokens["access_token"]]
        return tokens


class WatchedWhop(FaultyProvider):
    """Whop, which checks the access token of each call.

    Attributes:
        memory: the chats.
        rejected: access tokens that Whop rejects before their end.
        rejects: connections of which Whop rejects all access tokens.
        calls: the number of calls.
    """

    def __init__(self, world: World, oauth: WatchedOAuth) -> None:
        super().__init__(world, timedelta(0))
        self._clock, self._oauth, self._began_at = world.clock, oauth, world.clock.now
        self.memory = WhopInMemory()
        self.rejected: set[str] = set()
        self.rejects: set[str] = set()
        self.calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._began_at = self._clock.now
        return super().handle_request(request)

    def _act(self, request: httpx.Request, time: datetime) -> httpx.Response:
        if time - self._began_at > CALL:
            raise httpx.ConnectTimeout("not sent in time")
        self.calls += 1
        token = request.headers["authorization"].removeprefix("Bearer ")
        assert time < self._oauth.ends[token], f"a call with {token} after its end"
        is_rejected = token in self.rejected or self._oauth.connections[token] in self.rejects
        return error_response(401) if is_rejected else self.memory.do(request)
