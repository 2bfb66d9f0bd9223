"""Lambda's Runtime API for one function process. It measures the time of each invocation.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import time
import uuid
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event

from benchmarks.errors import BenchmarkError
from benchmarks.loopback import Handler, Server

LIMIT_SECONDS = 60
ARN = "arn:aws:lambda:eu-west-1:000000000000:function:benchmark"


@dataclass(frozen=True)
class Answer:
    """A function's answer to one event, with its times from ``time.perf_counter``."""

    taken_at: float
    answered_at: float
    path: str
    content: bytes


class RuntimeApi(Server):
    """A server for one function process in its ``with`` block.

    Attributes:
        address: the value of ``AWS_LAMBDA_RUNTIME_API``.
        is_busy: set while the handler works.
    """

    def __init__(self) -> None:
        super().__init__(_Calls)
        self.address = f"127.0.0.1:{self.server_port}"
        self.events: Queue[bytes | None] = Queue()
        self.answers: Queue[Answer] = Queue()
        self.taken_at = 0.0
        self.is_busy = Event()

    def __exit__(self, *exception: object) -> None:
        # End the thread that still waits for an event.
        self.events.put(None)
        super().__exit__(*exception)

    def invoke(self, event: bytes) -> Answer:
        """Send an event to the function, and return its answer.

        Raises:
            BenchmarkError: the function failed, or did not answer within ``LIMIT_SECONDS``.
        """
        self.events.put(event)
        try:
            answer = self.answers.get(timeout=LIMIT_SECONDS)
        except Empty:
            raise BenchmarkError(f"the function did not answer within {LIMIT_SECONDS} s") from None
        if not answer.path.endswith("/response"):
            raise BenchmarkError(f"the function failed: {answer.content.decode()}")
        return answer


class _Calls(Handler):
    server: RuntimeApi

    def respond(self) -> None:
        if self.command == "GET":
            self._next()
        else:
            self._take_answer()

    def _next(self) -> None:
        """Answer ``/runtime/invocation/next`` with the next event."""
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(round((time.time() + LIMIT_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-691f0000-0123456789abcdef01234567;Sampled=0",
        }
        self.server.taken_at = time.perf_counter()
        self.server.is_busy.set()
        self.answer(200, event, headers)

    def _take_answer(self) -> None:
        """Store the body of ``…/response``, ``…/error`` or ``/runtime/init/error``."""
        content = self.body()
        self.server.is_busy.clear()
        self.server.answers.put(Answer(self.server.taken_at, time.perf_counter(), self.path, content))
        self.answer(202, b'{"status": "OK"}', {"Content-Type": "application/json"})
