"""The error that stops a local command."""


class LocalError(Exception):
    """Something on this machine is missing, in use or failed. The message says what, and what to do."""
