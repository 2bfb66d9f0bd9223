"""What runs beside the tests of a process.

It imports nothing of the project: that must not happen before the environment is as the tests want it.
"""

from contextlib import ExitStack

running = ExitStack()
"""What is closed when the session ends."""
