"""The rotation of tokens at the mock of Whop: in any order of calls, with any old code and token, while time passes."""

import hashlib
from dataclasses import dataclass, field
from typing import override

import httpx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.support.mock_servers import WhopInProcess
from tests.support.whop_oauth import HOUR, OAuthApp, error_of

ANY = st.integers(min_value=0, max_value=99)
"""Chooses one of a list, whatever its length."""
CODE_LIFETIME = 300


@dataclass
class Family:
    """A consent as the test saw it: its code, and the tokens that came from it, the newest at the end."""

    code: str
    code_ends_at: float
    refresh_tokens: list[str] = field(default_factory=list)
    access_tokens: dict[str, float] = field(default_factory=dict)
    ended: bool = False


class Rotation(RuleBasedStateMachine):
    """An app that gets, renews, reuses and revokes tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.whop = WhopInProcess()
        self.app = OAuthApp(self.whop.request)
        self.families: list[Family] = []
        self.whop.mode(oauth_tokens="issued", rate_limit=1_000_000)

    @override
    def teardown(self) -> None:
        self.whop.__exit__()

    def take(self, family: Family, reply: httpx.Response, *, valid: bool) -> None:
        """Note the new tokens. If the code or the token was not valid, there are none, and a reuse ended the family."""
        if not valid:
            assert error_of(reply) == (400, "invalid_grant")
            return
        tokens = reply.json()
        family.refresh_tokens.append(tokens["refresh_token"])
        family.access_tokens[tokens["access_token"]] = self.whop.clock.now() + HOUR

    def with_tokens(self, number: int) -> Family:
        families = [family for family in self.families if family.refresh_tokens]
        return families[number % len(families)]

    @rule()
    def allow(self) -> None:
        self.families.append(Family(self.app.code(), self.whop.clock.now() + CODE_LIFETIME))

    @precondition(lambda self: self.families)
    @rule(number=ANY)
    def exchange(self, number: int) -> None:
        family = self.families[number % len(self.families)]
        first = not family.refresh_tokens
        valid = first and self.whop.clock.now() < family.code_ends_at
        self.take(family, self.app.exchange(family.code), valid=valid)
        family.ended |= not first

    @precondition(lambda self: any(family.refresh_tokens for family in self.families))
    @rule(number=ANY, age=ANY)
    def refresh(self, number: int, age: int) -> None:
        family = self.with_tokens(number)
        token = family.refresh_tokens[-1 - age % len(family.refresh_tokens)]
        valid = token == family.refresh_tokens[-1] and not family.ended
        self.take(family, self.app.refresh(token), valid=valid)
        family.ended |= not valid

    @precondition(lambda self: any(family.refresh_tokens for family in self.families))
    @rule(number=ANY, age=ANY)
    def revoke(self, number: int, age: int) -> None:
        family = self.with_tokens(number)
        assert self.app.revoke(family.refresh_tokens[-1 - age % len(family.refresh_tokens)]).status_code == 200
        family.ended = True

    @rule(seconds=st.sampled_from([1, CODE_LIFETIME - 1, CODE_LIFETIME, HOUR - 1, HOUR]))
    def wait(self, seconds: int) -> None:
        self.whop.advance(seconds)

    @invariant()
    def an_access_token_is_accepted_until_its_hour_is_over(self) -> None:
        for token, ends_at in [item for family in self.families for item in family.access_tokens.items()]:
            expected = 200 if self.whop.clock.now() < ends_at else 401
            assert self.whop.call("GET", token=token).status_code == expected

    @invariant()
    def a_family_has_its_newest_refresh_token_alone_and_none_once_it_ended(self) -> None:
        for family, grant in zip(self.families, self.whop.state()["oauth"], strict=True):
            alive = bool(family.refresh_tokens) and not family.ended
            assert grant["refresh_token"] == (sha256(family.refresh_tokens[-1]) if alive else None)


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def test_a_family_never_has_two_valid_refresh_tokens_and_ends_if_an_old_one_is_used() -> None:
    run_state_machine_as_test(Rotation, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))
