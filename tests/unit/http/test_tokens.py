"""For how long a token is used, and what happens when many threads are refused at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from aichats.http.tokens import KEEP_SECONDS, Tokens
from tests.support.fakes import FakeClock


class Source:
    """Gives ``now``, and records what it was called with."""

    def __init__(self, now: str) -> None:
        self.now = now
        self.calls: list[str | None] = []

    def __call__(self, refused: str | None) -> str:
        self.calls.append(refused)
        return self.now


def test_a_token_is_kept_for_a_while_and_then_asked_for_again() -> None:
    source, clock = Source("old"), FakeClock()
    tokens = Tokens(source, clock)
    assert tokens.current() == "old"
    source.now = "new"
    clock.now += KEEP_SECONDS - 1
    assert tokens.current() == "old"
    clock.now += 1
    assert tokens.current() == "new"
    assert source.calls == [None, None]


def test_a_thread_that_is_refused_takes_what_another_has_got_already() -> None:
    source = Source("old")
    tokens = Tokens(source, FakeClock())
    tokens.current()
    source.now = "new"
    assert [tokens.instead_of("old") for _ in range(3)] == ["new", "new", "new"]
    assert source.calls == [None, "old"]


def test_many_threads_that_are_refused_at_once_ask_once() -> None:
    source, threads = Source("old"), 20
    tokens = Tokens(source, FakeClock())
    refused = tokens.current()
    source.now = "new"
    together = threading.Barrier(threads)

    def renew() -> str:
        together.wait()
        return tokens.instead_of(refused)

    with ThreadPoolExecutor(threads) as pool:
        renewed = {job.result() for job in [pool.submit(renew) for _ in range(threads)]}
    assert (renewed, source.calls) == ({"new"}, [None, "old"])
