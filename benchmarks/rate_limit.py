"""Run a fan-out on the whole stack, under Whop's rate limit, to companies of which some have a bad credential.

The exit code is 0 if the result is as expected, 1 if it isn't, and 2 if the fan-out failed.
"""

import argparse
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from aichats.aws.attributes import decode
from aichats.runs.ledger.rows import Row, row_from
from benchmarks.cold_start import progress
from local.console import Console
from local.errors import LocalError
from local.system import BEARER, System, running_system

MAX_COMPANIES = 1000
LIMIT = 600.0
"""Seconds after which open runs count as stuck."""
TITLE = "Weekly revenue"
DESCRIPTION = """\
Start one fan-out with POST /runs on the whole stack of this machine, in real time, and wait until every run has ended.
Each run creates a muted chat for a company of its own: one create and one change. The mock of Whop limits both per
minute and credential.

A bad credential is a company's own API key that can't write. All other companies share a user's OAuth token. The mode
`api_keys` of the mock server is `forbidden`, so it answers the keys with 403 and the token with 200.

The result is as expected if each company with a good credential has one muted chat with a clean title, the runs of the
others failed with a reason, no run is open, and the dead-letter queue is empty.
"""


@dataclass(frozen=True)
class Result:
    """The result of the fan-out.

    Attributes:
        right: number of companies with exactly one muted chat that has its clean title.
        failures: number of failed runs, by reason.
        throttled: number of calls that Whop answered with 429.
    """

    chats: int
    right: int
    runs: Counter[str]
    failures: Counter[str]
    dead_letters: int
    throttled: int
    seconds: float

    def is_as_expected(self, companies: int, bad: int) -> bool:
        """Return whether nothing is missing, duplicated or stuck."""
        good = companies - bad
        named = all("403" in reason for reason in self.failures)
        ended = self.runs == Counter(succeeded=good, failed=bad)
        return self.chats == self.right == good and ended and named and self.dead_letters == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Fan out, wait, and print the counts. Return the exit code."""
    options = parse(arguments)
    try:
        with running_system(Console(io.StringIO())) as system:
            result = fan_out(system, options.companies, options.bad, options.rate_limit)
    except (LocalError, BotoCoreError, ClientError, httpx.HTTPError) as error:
        print(f"rate_limit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        progress("")
    return report(result, options.companies, options.bad)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="rate_limit", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--companies", type=int, default=1000, metavar="N", help="number of companies (default: 1000)")
    parser.add_argument(
        "--bad", type=int, default=10, metavar="N", help="number of companies with a bad credential (default: 10)"
    )
    parser.add_argument(
        "--rate-limit", type=int, default=600, metavar="N", help="calls a minute for each operation (default: 600)"
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.bad <= options.companies <= MAX_COMPANIES:
        parser.error(f"--companies must be at most {MAX_COMPANIES}, and --bad at most that")
    return options


def fan_out(system: System, companies: int, bad: int, rate_limit: int) -> Result:
    """Start the runs, wait until all have ended or the time is over, and return the result."""
    targets = [f"biz_{number}" for number in range(companies)]
    # Spread the bad credentials evenly.
    fill_secret(system, targets[:: max(1, companies // bad)][:bad] if bad else [])
    control(system, "mode", {"rate_limit": rate_limit, "api_keys": "forbidden"})
    begun = time.monotonic()
    start(system, targets)
    rows = wait(system, companies, begun)
    return result(system, rows, time.monotonic() - begun)


def fill_secret(system: System, bad: Sequence[str]) -> None:
    """Store a token for all companies, and keys of their own for some."""
    secret = {"api_key": "oauth_of_the_agency", "companies": {company: f"key_of_{company}" for company in bad}}
    system.emulator.clients.secrets.put_secret_value(
        SecretId=system.stack.outputs["WhopSecret"], SecretString=json.dumps(secret)
    )


def control(system: System, name: str, body: object) -> None:
    """Call the control surface of the mock of Whop."""
    httpx.post(f"{system.whop_url}/_control/{name}", json=body, timeout=10, trust_env=False).raise_for_status()


def start(system: System, targets: Sequence[str]) -> None:
    """Start all runs with one call."""
    action = {
        "type": "whop.create_chat",
        "title": TITLE,
        "message_text": "Summarize last week.",
        "notification_preference": "none",
    }
    headers = {"Authorization": f"Bearer {BEARER}", "Idempotency-Key": "fan-out"}
    body = {"action": action, "targets": targets}
    answer = httpx.post(f"{system.api_url}/runs", json=body, headers=headers, timeout=60, trust_env=False)
    if answer.status_code != httpx.codes.ACCEPTED:
        raise LocalError(f"POST /runs was answered with {answer.status_code}: {answer.text}")


def wait(system: System, companies: int, begun: float) -> list[Row]:
    """Wait until all runs have ended or the time is over, and return their rows."""
    while True:
        rows = ledger(system)
        ended = sum(not row.is_open for row in rows)
        progress(f"{ended} of {companies} runs ended after {time.monotonic() - begun:.0f} s")
        if ended == companies or time.monotonic() - begun > LIMIT:
            return rows
        time.sleep(2)


def ledger(system: System) -> list[Row]:
    """Return all runs."""
    pages = system.emulator.clients.dynamodb.get_paginator("scan").paginate(
        TableName=system.stack.outputs["RunsTable"], ConsistentRead=True
    )
    items = [decode(item) for page in pages for item in page["Items"]]
    return [row_from(item) for item in items if "action" in item]


def result(system: System, rows: Sequence[Row], seconds: float) -> Result:
    """Return the result."""
    state = httpx.get(f"{system.whop_url}/_control/state", timeout=60, trust_env=False).json()
    chats = [(chat["company_id"], chat["title"], chat["notification_preference"]) for chat in state["chats"]]
    once = {company for company, times in Counter(company for company, *_ in chats).items() if times == 1}
    return Result(
        chats=len(chats),
        right=len([company for company, *rest in chats if company in once and rest == [TITLE, "none"]]),
        runs=Counter(row.status for row in rows),
        failures=Counter(reason(row) for row in rows if row.status == "failed"),
        dead_letters=waiting(system, "RunDeadLetters"),
        throttled=sum(request["status"] == httpx.codes.TOO_MANY_REQUESTS for request in state["requests"]),
        seconds=seconds,
    )


def reason(row: Row) -> str:
    """Return why a run failed, without the parts that differ from run to run."""
    message = str((row.error or {}).get("message", "no reason"))
    return message.replace(f" (request {(row.error or {}).get('request_id')})", "")


def waiting(system: System, output: str) -> int:
    """Return the number of messages in a queue."""
    queue = system.stack.outputs[output]
    found = system.emulator.clients.queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


def report(result: Result, companies: int, bad: int) -> int:
    """Print the counts. Return the exit code."""
    opened = sum(result.runs[status] for status in ("pending", "performing"))
    print(f"companies: {companies}, {bad} of them with a bad credential")
    print(f"chats: {result.chats}, {result.right} of them the only one of its company, clean in title and muted")
    print(f"failed: {result.runs['failed']}")
    for text, times in result.failures.items():
        print(f"  {times} times: {text}")
    print(f"unknown: {result.runs['unknown']}")
    print(f"open: {opened}")
    print(f"dead letters: {result.dead_letters}")
    print(f"answers 429: {result.throttled}")
    print(f"wall time: {result.seconds:.0f} s")
    if result.is_as_expected(companies, bad):
        return 0
    print("rate_limit: the result is not as expected; see --help", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
