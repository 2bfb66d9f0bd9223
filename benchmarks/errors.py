"""The error that stops a measurement."""


class BenchmarkError(Exception):
    """The measurement failed or is invalid. The message says what happened and what to do."""
