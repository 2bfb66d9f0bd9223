"""Measurements of what is promised about speed."""

import os

# Metrics read it when they are first imported, which `local` does too.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "aichats")
