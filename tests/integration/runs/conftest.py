import pytest


@pytest.fixture(autouse=True)
def _rules(request: pytest.FixtureRequest) -> None:
    """One attempt for each call, and no metrics at the beginning."""
    for rule in ("one_attempt", "no_metrics"):
        request.getfixturevalue(rule)
