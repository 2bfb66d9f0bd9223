"""Verification of keys before `aichats admin secret set` stores them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aichats_cli.admin.deployed import DeployedError
from aichats_cli.admin.progress import passing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.admin.deployed import DeployedStack
    from aichats_cli.admin.proofs import Proof, Providers
    from aichats_cli.session import Session

UNVERIFIED = "to store without verification, add --no-verify"
SHOWN_KEYS = 10
"""The number of rejected keys that are listed."""


@dataclass(frozen=True)
class Verification:
    """Verifies keys with harmless calls to the providers of a stack.

    Attributes:
        session: the command.
        stack: the stack.
        providers: the providers that the stack calls.
    """

    session: Session
    stack: DeployedStack
    providers: Providers

    def require(self, name: str, key: str) -> None:
        """Check that the provider accepts a key, and note that.

        Args:
            name: the short name of the secret, ``whop`` or ``kodey``.
            key: the key.

        Raises:
            DeployedError: the provider rejects the key, or can't be asked.
        """
        proof = self.providers.kodey(key) if name == "kodey" else self.providers.whop(key)
        if proof.result == "rejected":
            raise DeployedError(f"{name.capitalize()} rejects the key, so nothing was stored: {proof.reason}")
        if proof.result == "unknown":
            raise DeployedError(f"the key can't be verified, so nothing was stored. {proof.reason}", UNVERIFIED)
        self.session.note(f"{name.capitalize()} accepted the key.")
        if proof.lacks_writes:
            self.session.note("But it looks unable to create and change chats, because Whop answered 403.")
            self._suggest_login()

    def require_all(self, keys: Mapping[str, str]) -> None:
        """Check that Whop accepts the key of each company. Show the progress, and note the result.

        Raises:
            DeployedError: at least one key is not accepted. The message lists the companies.
        """
        proofs = self._verify(keys)
        problems = [
            f"  {company}: {proofs[key].result}: {proofs[key].reason}"
            for company, key in keys.items()
            if proofs[key].result != "accepted"
        ]
        if problems:
            more = [f"  and {len(problems) - SHOWN_KEYS} more"] if len(problems) > SHOWN_KEYS else []
            first = f"{len(problems)} of {len(keys)} keys are not accepted, so nothing was stored:"
            raise DeployedError("\n".join([first, *problems[:SHOWN_KEYS], *more]), UNVERIFIED)
        self.session.note(f"Whop accepted the keys of {len(keys)} compan{'y' if len(keys) == 1 else 'ies'}.")
        if denied := [company for company, key in keys.items() if proofs[key].lacks_writes]:
            shown = ", ".join(denied[:SHOWN_KEYS]) + (" and others" if len(denied) > SHOWN_KEYS else "")
            self.session.note(
                f"But {len(denied)} look unable to create and change chats, because Whop answered 403: {shown}."
            )
            self._suggest_login()

    def _verify(self, keys: Mapping[str, str]) -> dict[str, Proof]:
        """Return the proof of each different key."""
        proofs: dict[str, Proof] = {}
        waiting, total = self.providers.whop_keys(keys.values()), len(set(keys.values()))
        while len(proofs) < total:
            with passing(self.session, f"Verifying keys: {len(proofs)} of {total}"):
                key, proof = next(waiting)
            proofs[key] = proof
        return proofs

    def _suggest_login(self) -> None:
        self.session.note(f"Connect the account of a user instead: {self.stack.command('connect --client-id app_...')}")
