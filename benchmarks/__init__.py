"""Measurements of the promises about speed and cost."""

import os

# Metrics read this variable when they are first imported, which `local` does too.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "aichats")
