"""What the commands of this folder say when they cannot go on."""


class LocalError(Exception):
    """Something on this machine is missing, taken or failed; the message says what, and what to do."""
