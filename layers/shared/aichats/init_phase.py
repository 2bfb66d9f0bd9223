"""Lambda's init phase, in which a function imports its modules before its first invocation."""

from __future__ import annotations

import gc
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from aichats.aws.secrets import SecretKind, SecretStore

INIT_SECONDS = 3.0
"""The longest wait for secrets at the end of the init phase. Lambda ends this phase after 10 seconds."""


class InitPhase:
    """The init phase of a function. On a laptop there is none.

    Attributes:
        exists: whether the function runs on Lambda.
        reads: the reads of secrets that have begun.
    """

    def __init__(self, environment: Mapping[str, str], store: SecretStore) -> None:
        self.exists = "AWS_LAMBDA_INITIALIZATION_TYPE" in environment
        self.reads: list[Future[Any]] = []
        self._store = store

    def read(self, secrets: Mapping[str, SecretKind[Any]]) -> None:
        """Begin to read secrets at the same time, so that the first invocation doesn't wait for them.

        If a secret can't be used, the handler reports it.
        """
        if self.exists:
            self.reads += [self._store.read_in_background(name, kind) for name, kind in secrets.items()]

    def finish(self) -> None:
        """Wait for the secrets, and enable the garbage collector for the objects that invocations create.

        ``aichats`` disabled the collector, because in the init phase it finds almost nothing to free.
        """
        if self.exists:
            wait(self.reads, INIT_SECONDS)
            gc.freeze()
            gc.enable()
