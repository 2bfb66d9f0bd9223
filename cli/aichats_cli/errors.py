"""Errors of the command. Each says what happened and, if there is one, the next step."""


class CommandError(Exception):
    """An error that ends the command with exit code 1.

    Args:
        message: what happened, to what, and why.
        hint: what to do next, such as a command to type.
    """

    code = 1
    is_temporary = False
    """True if the same command may work a short time later, because a network or a server failed."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class UsageError(CommandError):
    """The command was typed in a way that it doesn't understand. It ends with exit code 2."""

    code = 2
