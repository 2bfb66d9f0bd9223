"""The process of a function, started as on Lambda: with the runtime client, the function's folder and the layer."""

import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.builds import RUNTIME, Package
from benchmarks.cpu_share import CpuShare, share_of
from benchmarks.errors import BenchmarkError
from benchmarks.runtime_api import RuntimeApi
from benchmarks.upstream import Upstream

COMMAND = [str(RUNTIME / "bin" / "python"), "-m", "awslambdaric"]


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

    def printed_bytes(self) -> int:
        """Return the bytes that it has printed so far, which Lambda writes to the log."""
        return Path(f"/proc/{self.pid}/fd/1").stat().st_size


@contextmanager
def running(
    package: Package, upstream: Upstream, variables: Mapping[str, str], memory_mb: int
) -> Iterator[FunctionProcess]:
    """Run a function until the ``with`` block ends.

    Args:
        package: the function.
        upstream: the mocks.
        variables: its own environment variables.
        memory_mb: its memory, which decides the share of a CPU that its handler gets.

    Raises:
        BenchmarkError: the block raised it; the message is extended by the end of the function's output.
    """
    with RuntimeApi() as api, tempfile.TemporaryFile("w+") as printed:
        environment = lambda_environment(package, api, upstream, memory_mb) | own(variables, upstream)
        command = [*COMMAND, package.handler]
        started_at = time.perf_counter()
        process = subprocess.Popen(command, cwd=package.function, env=environment, stdout=printed, stderr=printed)
        try:
            with CpuShare(process.pid, share_of(memory_mb), api.is_busy):
                yield FunctionProcess(api, process.pid, started_at)
        except BenchmarkError as error:
            printed.seek(0)
            raise BenchmarkError("\n  ".join([str(error), *printed.read().splitlines()[-20:]])) from None
        finally:
            process.kill()
            process.wait()


def own(variables: Mapping[str, str], upstream: Upstream) -> dict[str, str]:
    """Return a function's own variables with the addresses of the mocks and of their bundle of certificates."""
    addresses = {"url": upstream.url, "bundle": str(upstream.ca_bundle)}
    return {name: value.format_map(addresses) for name, value in variables.items()}


def certificates(package: Package, upstream: Upstream) -> dict[str, str]:
    """Return the variables that name the certificates of the mocks.

    A function that uses botocore or the official SDK reads a bundle, as it would on AWS. A layer with certificates of
    its own reads a folder, so here it gets one with the same certificates and that of the mocks.
    """
    folder = {"SSL_CERT_DIR": str(upstream.ca_folder)}
    bundle = {"AWS_CA_BUNDLE": str(upstream.ca_bundle), "SSL_CERT_FILE": str(upstream.ca_bundle)}
    if package.has_certificates:
        return folder
    return folder | bundle if package.opt is None else bundle


def lambda_environment(package: Package, api: RuntimeApi, upstream: Upstream, memory_mb: int) -> dict[str, str]:
    """Return the variables that Lambda and the template set, with the address of the mock services."""
    layers = [str(package.opt / "python")] if package.opt else []
    return {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        **certificates(package, upstream),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": upstream.url,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
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
        "KODEY_SECRET": "aichats/benchmark/kodey",
        "RUN_DEAD_LETTERS_URL": f"{upstream.url}/123456789012/dead-letters",
        "RUN_QUEUE_URL": f"{upstream.url}/123456789012/runs",
        # Lambda's file system is read-only, so a function can't store bytecode.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ":".join([str(package.function), *layers]),
        "TZ": ":UTC",
        "WHOP_API_VERSION": "2026-07-08-1",
        "WHOP_BASE_URL": f"{upstream.url}/api/v1",
        "WHOP_SECRET": "aichats/benchmark/whop",
        "_HANDLER": package.handler,
    }
