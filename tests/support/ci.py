"""The machine that runs the tests."""

import os

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}
"""True on GitHub Actions and other CI services."""
