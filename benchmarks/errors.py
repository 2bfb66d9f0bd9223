"""Why a measurement cannot go on."""


class BenchmarkError(Exception):
    """Nothing was measured, or not what was meant to be; the message says what happened and what to do."""
