"""The start of the command `aichats`. It imports nothing before Ctrl-C is handled."""


def start() -> int:
    """Run the command that was typed, and return its exit code."""
    try:
        from aichats_cli.main import main

        return main()
    except KeyboardInterrupt:
        return 130
