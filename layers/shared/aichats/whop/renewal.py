"""Renews the tokens of connections. The function ``refresh_tokens`` is the only one that does.

Whop replaces a refresh token at each use, so a refresh token may be used once, and its successor must be stored before
anything else happens. A row per connection, ``connection:<name>`` in the table of runs, makes this safe:

1. A conditional write takes the lease of the row, so two processes never renew the same connection at the same time.
2. A note in the row says which refresh token is about to be used, and which version of the secret gets the successor.
3. Whop is called. The answer is stored as that version, which then becomes the current one.
4. The row is updated: the refresh token counts as used, and the note and the lease are removed.

If a process dies or an answer is lost, the next process finds the note. If the version exists, it becomes the current
one. Otherwise Whop may or may not have replaced the refresh token, so it is used once more. If Whop then rejects it,
the connection is broken, and a person must type ``aichats admin connect``.
"""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Literal

from aichats.aws.errors import AwsError, code_of
from aichats.aws.observability import Contained, count_now, logger
from aichats.aws.secret_values import parse_object
from aichats.aws.secret_versions import SecretVersion, SecretVersions
from aichats.aws.table import Table
from aichats.aws.writes import ConditionFailedError
from aichats.errors import AichatsError, APIConnectionError, APIStatusError, OutcomeUnknownError, ProtocolError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.json_types import Json
from aichats.whop.connections import CONNECTION_ROWS, Grant, fingerprint, parse_connection
from aichats.whop.oauth import INVALID_GRANT, OAuthClient, Tokens

RENEW_BEFORE_END = timedelta(minutes=25)
"""The remaining lifetime of an access token from which it is renewed. The function runs every ten minutes."""
LEAST_PAUSE = timedelta(minutes=15)
"""The shortest time between two renewals, because Secrets Manager takes about 100 versions of a secret in 24 hours."""
PAUSE_AFTER_LOST_ANSWER = timedelta(minutes=1)
"""The time after which a refresh token is used again if the answer was lost. Whop may still be at work before."""
ALARM_BEFORE_END = timedelta(minutes=5)
"""The remaining lifetime of an access token from which a renewal that fails raises the alarm."""
STORE_PAUSE_SECONDS = 1.0
"""The time between two attempts to store the answer."""
STORE_SECONDS = 10.0
"""The time that is left after the call to Whop to store its answer."""
MAX_CONCURRENT_RENEWALS = 10
"""The maximum number of renewals at the same time. A client keeps ten connections open."""

_DELETED = {"ResourceNotFoundException", "InvalidRequestException"}
"""The codes of Secrets Manager for a secret that does not exist, or is marked for deletion."""
_NOTHING: Json = {}
_NO_NOTE: Json = {"using": None, "version": None, "begun_at": None}

type Renewed = Literal["renewed", "not due", "logged out", "broken", "failed", "later"]


@frozen
class _Claim:
    """The lease on the row of a connection, with the row and the secret as they are now."""

    connection: str
    owner: str
    row: Json
    version: SecretVersion
    grant: Grant | None

    @property
    def used(self) -> str:
        """The fingerprint of the connection's refresh token."""
        return "" if self.grant is None else fingerprint(self.grant.refresh_token)

    @property
    def is_second_use(self) -> bool:
        """True if a note says that an earlier process may have used the refresh token."""
        return self.grant is not None and self.row.get("using") == self.used


@frozen
class Renewals:
    """Renews connections. Safe to share between threads.

    Args:
        table: the table of runs.
        versions: the secrets.
        oauth: the client of Whop's endpoint for tokens.
        prefix: the beginning of the names of the connections' secrets.
        clock: returns the current time, in UTC.
    """

    table: Table
    versions: SecretVersions
    oauth: OAuthClient
    prefix: str
    clock: Callable[[], datetime]
    new_id: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))
    sleep: Callable[[float], None] = time.sleep

    def handle(self, event: Json, lease: timedelta) -> dict[str, int]:
        """Renew the connection that an event names; without a name, all connections that are due.

        Args:
            event: the event of a schedule, or ``{"connection", "rejected"?}`` of
                :class:`~aichats.whop.renewal_requests.RenewalRequests`.
            lease: at least the time until Lambda would kill this invocation.

        Returns:
            The number of connections for each result.

        Raises:
            Exception: a connection could not be checked. The others were.
        """
        if "connection" in event:
            return {self.renew(event["connection"], lease, event.get("rejected")): 1}
        return self.renew_all(lease)

    def renew_all(self, lease: timedelta) -> dict[str, int]:
        """Renew all connections that are due. Return how many have which result.

        Args:
            lease: at least the time until Lambda would kill this invocation.

        Raises:
            Exception: at least one connection could not be checked. The others were.
        """
        names = [name.removeprefix(self.prefix) for name in self.versions.names(self.prefix)]
        # If the time is too short for all, others come last in the next round.
        round_ = self.clock().isoformat()
        names.sort(key=lambda name: fingerprint(f"{round_} {name}"))
        results: list[str] = []
        failed: list[Exception] = []

        def renew(name: str) -> None:
            with Contained("connection not checked", {"connection": name}) as attempt:
                results.append(self.renew(name, lease))
            failed.extend([attempt.error] if attempt.error else [])

        with ThreadPoolExecutor(MAX_CONCURRENT_RENEWALS) as pool:
            # Each thread gets the deadline of the invocation.
            for job in [pool.submit(copy_context().run, renew, name) for name in names]:
                job.result()
        if failed:
            raise failed[0]
        return dict(Counter(results))

    def renew(self, connection: str, lease: timedelta, rejected: str | None = None) -> Renewed:
        """Renew one connection if it is due.

        Args:
            connection: the name of the connection.
            lease: at least the time until Lambda would kill this invocation.
            rejected: the fingerprint of an access token that Whop rejected. If it is still the current one, the
                connection is due.
        """
        try:
            claim = self._claim(connection, lease) if self._has_time() else None
            result = "later" if claim is None else self._renew(claim, rejected)
        except ConditionFailedError:
            # The lease was over, and another process has taken it.
            result = "later"
        if result == "broken":
            count_now("ConnectionsBroken")
        return result

    # ------------------------------------------------------------------ the steps

    def _renew(self, claim: _Claim, rejected: str | None) -> Renewed:
        if claim.grant is None:
            return self._release(claim, "logged out")
        if claim.is_second_use and (stored := self.versions.find(self._name(claim), claim.row["version"])):
            return self._publish(claim, stored)
        obstacle = self._obstacle(claim, claim.grant, rejected)
        if obstacle == "not due":
            # A person has logged in again, so the connection works before its first renewal.
            return self._release(claim, obstacle, self._restored(claim))
        return self._refresh(claim, claim.grant) if obstacle is None else self._release(claim, obstacle)

    def _restored(self, claim: _Claim) -> Json:
        """Return the changes of the row of a connection that works; none if it was not broken."""
        if claim.row.get("broken") is None:
            return _NOTHING
        return {"broken": None, "broken_at": None, "reason": None, "restored_at": _seconds(self.clock())}

    def _obstacle(self, claim: _Claim, grant: Grant, rejected: str | None) -> Renewed | None:
        """Return why the refresh token must not be used now; ``None`` if it may be used."""
        if claim.used == claim.row.get("used"):
            # Secrets Manager returned an old version, whose refresh token must not be used again.
            return "later"
        if claim.used == claim.row.get("broken"):
            logger.error("connection broken", extra={"connection": claim.connection, "reason": claim.row.get("reason")})
            return "broken"
        if grant.expires_at - self.clock() >= RENEW_BEFORE_END and rejected != fingerprint(grant.access_token):
            return "not due"
        return None if self._is_rested(claim) else "later"

    def _claim(self, connection: str, lease: timedelta) -> _Claim | None:
        """Take the lease of a connection; ``None`` if another process has it."""
        now, owner = self.clock(), self.new_id()
        condition = f"{self.table.is_absent} OR attribute_not_exists(#lease_until) OR #lease_until < :now"
        changes = {"owner": owner, "lease_until": _seconds(now + lease)}
        try:
            row = self.table.update(_key(connection), changes, condition, {"now": _seconds(now)}, return_old=True)
        except ConditionFailedError:
            return None
        name = f"{self.prefix}{connection}"
        version = self._current(name)
        return _Claim(connection, owner, row, version, parse_connection(name, parse_object(name, version.text)))

    def _current(self, name: str) -> SecretVersion:
        """Return the current version of a secret. If a person has deleted the secret, it counts as logged out."""
        try:
            return self.versions.current(name)
        except AwsError as error:
            if code_of(error) not in _DELETED:
                raise
            return SecretVersion("", "{}")

    def _is_rested(self, claim: _Claim) -> bool:
        """Return whether enough time has passed since the last renewal."""
        pauses = {"renewed_at": LEAST_PAUSE} | ({"begun_at": PAUSE_AFTER_LOST_ANSWER} if claim.is_second_use else {})
        now = self.clock()
        return all(_seconds(now - pause) >= claim.row.get(name, 0) for name, pause in pauses.items())

    def _has_time(self) -> bool:
        """Return whether this invocation has the time to call Whop and to store the answer."""
        return remaining(default=float("inf")) >= self.oauth.timeout + STORE_SECONDS

    def _refresh(self, claim: _Claim, grant: Grant) -> Renewed:
        # An earlier answer stays lost until Whop accepts the refresh token, or rejects it for good.
        unused = _NOTHING if claim.is_second_use else _NO_NOTE
        version_id, now = self.new_id(), self.clock()
        self._write(claim, {"using": claim.used, "version": version_id, "begun_at": _seconds(now)})
        if not self._has_time():
            # DynamoDB was slow. An answer that can't be stored is lost.
            return self._release(claim, "later", unused)
        try:
            tokens = self.oauth.refresh(grant)
        except (OutcomeUnknownError, ProtocolError) as error:
            # The note stays: the next process uses the refresh token once more.
            return self._fail(claim, grant, error, _NOTHING)
        except APIStatusError as error:
            if error.code == INVALID_GRANT:
                return self._break(claim, error)
            return self._fail(claim, grant, error, unused)
        except APIConnectionError as error:
            return self._fail(claim, grant, error, unused)
        return self._publish(claim, self._store(claim, version_id, _renewed(claim.version, tokens, now)))

    def _store(self, claim: _Claim, version_id: str, content: Json) -> SecretVersion:
        """Store the answer of Whop. Try until little time is left, because an answer that is not stored is lost."""
        while True:
            try:
                return self.versions.write(self._name(claim), version_id, content)
            except AwsError as error:
                if remaining(default=0.0) < 2 * STORE_PAUSE_SECONDS:
                    raise
                log_fields = {"connection": claim.connection, "reason": str(error)}
                logger.warning("connection not stored yet", extra=log_fields)
            self.sleep(STORE_PAUSE_SECONDS)

    def _publish(self, claim: _Claim, renewed: SecretVersion) -> Renewed:
        """Make the new tokens the current ones, unless a login or a logout has replaced the secret meanwhile."""
        is_current = self.versions.make_current(self._name(claim), renewed.id, claim.version.id)
        # Whop replaces the refresh token. If it does not, the same one may be used again.
        used = None if fingerprint(json.loads(renewed.text)["oauth"]["refresh_token"]) == claim.used else claim.used
        done = {"used": used, "renewed_at": _seconds(self.clock()), **self._restored(claim)}
        result = self._release(claim, "renewed" if is_current else "later", {**done, **_NO_NOTE})
        logger.info("connection renewed", extra={"connection": claim.connection, "current": is_current})
        return result

    def _break(self, claim: _Claim, error: APIStatusError) -> Renewed:
        if self._current(self._name(claim)).id != claim.version.id:
            # A login or a logout has replaced the refresh token meanwhile.
            return self._release(claim, "later", _NO_NOTE)
        cause = " The answer to an earlier renewal was lost." if claim.is_second_use else ""
        reason = f"{error}{cause}"
        logger.error("connection broken", extra={"connection": claim.connection, "reason": reason})
        broken = {"broken": claim.used, "broken_at": _seconds(self.clock()), "reason": reason}
        return self._release(claim, "broken", {**broken, **_NO_NOTE})

    def _fail(self, claim: _Claim, grant: Grant, error: AichatsError, changes: Json) -> Renewed:
        """End a renewal that may succeed later. Raise the alarm if the access token ends soon."""
        log_fields = {"connection": claim.connection, "reason": str(error), "ends_at": grant.expires_at.isoformat()}
        logger.warning("connection not renewed", extra=log_fields)
        if grant.expires_at - self.clock() < ALARM_BEFORE_END:
            count_now("ConnectionsBroken")
        return self._release(claim, "failed", changes)

    # ------------------------------------------------------------------ the row

    def _release(self, claim: _Claim, result: Renewed, changes: Json = _NOTHING) -> Renewed:
        self._write(claim, {**changes, "owner": None, "lease_until": None})
        return result

    def _write(self, claim: _Claim, changes: Json) -> None:
        """Change the row.

        Raises:
            ConditionFailedError: another process has the lease.
        """
        self.table.update(_key(claim.connection), changes, "#owner = :claimed", {"claimed": claim.owner})

    def _name(self, claim: _Claim) -> str:
        return f"{self.prefix}{claim.connection}"


def _key(connection: str) -> str:
    return f"{CONNECTION_ROWS}{connection}"


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _renewed(version: SecretVersion, tokens: Tokens, now: datetime) -> Json:
    """Return the content of the secret with new tokens. The rest of the content stays."""
    content: dict[str, Any] = json.loads(version.text)
    renewed = {
        "access_token": tokens.access_token,
        "expires_at": _seconds(now + tokens.lifetime),
        **({"refresh_token": tokens.refresh_token} if tokens.refresh_token else {}),
    }
    return {**content, "oauth": {**content["oauth"], **renewed}}
