"""The secrets that a function reads in its init phase."""

from aichats.runs.stack_secrets import first_secrets

WHOP, KODEY = {"WHOP_SECRET": "aichats/dev/whop"}, {"KODEY_SECRET": "aichats/dev/kodey"}
RENEWS = {"REFRESH_TOKENS_FUNCTION": "refresh-tokens"}


def test_a_function_that_performs_runs_reads_the_key_of_whop_and_the_default_connection() -> None:
    assert list(first_secrets(WHOP | KODEY | RENEWS)) == ["aichats/dev/whop", "aichats/dev/whop/default"]


def test_a_function_that_calls_whop_rarely_reads_nothing_of_whop() -> None:
    assert list(first_secrets(WHOP)) == []
    assert list(first_secrets(WHOP | KODEY)) == ["aichats/dev/kodey"]
