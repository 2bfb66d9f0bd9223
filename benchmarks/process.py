"""The process of a function, started as on Lambda: with the runtime client, the function's folder and the layer."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.builds import RUNTIME, Package
from benchmarks.errors import BenchmarkError
from benchmarks.runtime_api import RuntimeApi
from benchmarks.upstream import Upstream

COMMAND = [str(RUNTIME / "bin" / "python"), "-m", "awslambdaric", "app.lambda_handler"]


@dataclass(frozen=True)
class FunctionProcess:
    """A running function. ``started_at`` is ``time.perf_counter`` just before the start of the process."""

    api: RuntimeApi
    pid: int
    started_at: float

    def peak_mib(self) -> float:
        """Return the maximum of its resident memory so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return int(fields["VmHWM"].removesuffix("kB")) / 1024


@contextmanager
def running(package: Package, upstream: Upstream) -> Iterator[FunctionProcess]:
    """Run a function until the ``with`` block ends.

    Raises:
        BenchmarkError: the block raised it; the message is extended by the end of the function's output.
    """
    with RuntimeApi() as api, tempfile.TemporaryFile("w+") as printed:
        environment = lambda_environment(package, api, upstream)
        started_at = time.perf_counter()
        process = subprocess.Popen(COMMAND, cwd=package.function, env=environment, stdout=printed, stderr=printed)
        try:
            yield FunctionProcess(api, process.pid, started_at)
        except BenchmarkError as error:
            printed.seek(0)
            raise BenchmarkError("\n  ".join([str(error), *printed.read().splitlines()[-20:]])) from None
        finally:
            process.kill()
            process.wait()


def lambda_environment(package: Package, api: RuntimeApi, upstream: Upstream) -> dict[str, str]:
    """Return the variables that Lambda and the template set, with the address of the mock services."""
    layer = [str(package.layer / "python")] if package.layer else []
    return {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_CA_BUNDLE": str(upstream.ca_bundle),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": upstream.url,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "token",
        "LAMBDA_TASK_ROOT": str(package.function),
        "LANG": "en_US.UTF-8",
        "MAX_MESSAGE_BYTES": "32768",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "aichats",
        "POWERTOOLS_SERVICE_NAME": "aichats",
        "AUTOMATIONS_TABLE": "automations",
        "RUNS_TABLE": "runs",
        "SLOW_RUN_QUEUE_URL": f"{upstream.url}/123456789012/slow-runs",
        "KODEY_BASE_URL": upstream.url,
        "KODEY_SECRET": "aichats/bench/kodey",
        "RUN_DEAD_LETTERS_URL": f"{upstream.url}/123456789012/dead-letters",
        "RUN_QUEUE_URL": f"{upstream.url}/123456789012/runs",
        # Lambda's file system is read-only, so a function can't store bytecode.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ":".join([str(package.function), *layer]),
        "SSL_CERT_FILE": str(upstream.ca_bundle),
        "TZ": ":UTC",
        "WHOP_API_VERSION": "2026-07-08-1",
        "WHOP_BASE_URL": f"{upstream.url}/api/v1",
        "WHOP_SECRET": "aichats/benchmark/whop",
        "_HANDLER": "app.lambda_handler",
    }
