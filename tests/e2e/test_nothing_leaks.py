"""No secret and no text appears outside the places that are for it, whatever fails on whichever path."""

import time

from tests.support.leaks.allowed import problems
from tests.support.leaks.bench import LeakBench, leak_bench
from tests.support.leaks.kinds import SECRETS, TEXTS
from tests.support.leaks.paths import PATHS
from tests.support.leaks.places import kept_places


def test_secrets_and_texts_are_only_in_their_places_whatever_fails() -> None:
    since = time.time()
    with leak_bench() as bench:
        for path in PATHS:
            path(bench)
            assert bench.rejections_left() == [], f"no request met these rejections of {path.__name__}"
        assert problems([*bench.places, *kept_places(bench, since)], bench.canaries) == []
        assert kinds_that_were_used(bench) == bench.canaries.kinds == SECRETS | TEXTS


def kinds_that_were_used(bench: LeakBench) -> set[str]:
    """Return the kinds of canaries that were sent to a provider, to the API or to a command."""
    return set[str]().union(*map(bench.canaries.kinds_in, [*bench.whop.received, *bench.kodey.received, *bench.sent]))
