"""Connections for 30 simulated days, while calls fail and processes die anywhere.

The simulation fails at once if a call has an access token that has ended, if two renewals of a connection happen at the
same time, if a refresh token whose successor is stored is used again, or if no alarm is on for a broken connection. In
the end every run has created its chat exactly once, unless its connection was broken for a day.

To see the figures, run ``pytest tests/integration/whop/test_thirty_days.py --no-cov -s``.
"""

import sys

import pytest

from tests.support.connected import MAX_VERSIONS, OAUTH_FAULTS
from tests.support.ledgers import dynamodb, make_table
from tests.support.thirty_days import ManyDays, simulate


@pytest.mark.parametrize("seed", [1, 2])
def test_in_thirty_days_no_run_is_lost_and_no_alarm_is_missing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = simulate(seed, 30, monkeypatch)

    show(seed, simulation)
    figures = simulation.figures
    assert simulation.oauth.renewed > 2000
    assert set(simulation.oauth.failures) == {"", *OAUTH_FAULTS}
    assert figures["runs succeeded"] > 200
    assert figures["broken connections"] > 50
    assert figures["between two lines of a renewal: death"] > 50
    assert figures["between two lines of a renewal: renewal"] > 20
    assert figures["between two lines of a renewal: login"] > 0
    assert simulation.vault.most_versions <= MAX_VERSIONS


def test_the_rows_in_memory_behave_as_those_in_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = simulate(3, 3, monkeypatch)
    real = simulate(3, 3, monkeypatch, dynamodb(), make_table())

    assert real.figures == in_memory.figures
    assert real.oauth.failures == in_memory.oauth.failures
    assert real.longest == in_memory.longest


def show(seed: int, simulation: ManyDays) -> None:
    """Print the figures of a simulation."""
    figures = {
        "renewals": simulation.oauth.renewed,
        "refresh tokens used once more": simulation.oauth.repeated,
        "calls with an access token": simulation.whop.calls,
        "most versions of a secret in 24 hours": simulation.vault.most_versions,
        **{f"renewals that failed: {fault}": simulation.oauth.failures[fault] for fault in OAUTH_FAULTS},
        **dict(sorted(simulation.figures.items())),
        **{f"longest {name}": time for name, time in simulation.longest.items()},
    }
    sys.stdout.write(f"\nseed {seed}\n" + "".join(f"  {name}: {figure}\n" for name, figure in figures.items()))
