"""Mocks of Whop, DynamoDB, SQS and Secrets Manager with a fixed latency, for runs that succeed.

`python -m benchmarks.latency` is a process of its own, so that its work doesn't count as that of the measured code. It
uses plain asyncio, so that it can send ten responses at the same time. It answers the calls of a run and counts them:

- ``TransactWriteItems`` keeps the rows, and ``UpdateItem`` returns its row on request. Both ignore conditions, because
  in a run that succeeds each of them is true.
- ``SendMessageBatch`` accepts every message and delivers none.
- ``POST`` and ``PATCH`` on Whop's chats answer with a chat.
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, override

from benchmarks.errors import BenchmarkError

COUNTS = "/counts"
SUCCEEDED = "runs that succeeded"
SECRET = {"Name": "aichats/benchmark/whop", "SecretString": json.dumps({"api_key": "key_of_the_benchmark"})}
CHAT = {
    "notification_preference": "all",
    "message_count": 1,
    "blended_token_usage": "0.0",
    "created_at": "2026-11-23T14:00:00.401Z",
    "updated_at": "2026-11-23T14:00:00.401Z",
    "last_message_at": None,
    "user": {"id": "user_xxxxxxxxxxxxx"},
    "agent_identifier": "support",
}


class Services:
    """The mock services. Latencies are in seconds."""

    def __init__(self, whop_latency: float, aws_latency: float) -> None:
        self._whop_latency = whop_latency
        self._aws_latency = aws_latency
        self._rows: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()

    def answer(self, method: str, path: str, target: str, body: bytes) -> tuple[object, float]:
        """Return the response to a request, and its latency."""
        if path == COUNTS:
            return dict(self.counts), 0.0
        content = json.loads(body)
        if target:
            name = target.partition(".")[2]
            self.counts[name] += 1
            return self._aws(name, content), self._aws_latency
        self.counts[f"{method} /ai_chats"] += 1
        chat_id = f"aich_{self.counts['POST /ai_chats']}" if method == "POST" else path.rpartition("/")[2]
        return CHAT | {"id": chat_id, "title": content["title"]}, self._whop_latency

    def _aws(self, name: str, content: Mapping[str, Any]) -> object:
        match name:
            case "TransactWriteItems":
                items = [write["Put"]["Item"] for write in content["TransactItems"]]
                self._rows |= {item["run_id"]["S"]: item for item in items}
                return {}
            case "UpdateItem":
                self.counts[SUCCEEDED] += content["ExpressionAttributeValues"].get(":status") == {"S": "succeeded"}
                row = self._rows[content["Key"]["run_id"]["S"]]
                return {"Attributes": row} if content.get("ReturnValues") == "ALL_OLD" else {}
            case "SendMessageBatch":
                return {"Successful": [_taken(entry) for entry in content["Entries"]], "Failed": []}
            case "GetSecretValue":
                return SECRET
        raise BenchmarkError(f"a run that succeeds does not call {name}")


def _taken(entry: Mapping[str, str]) -> dict[str, str]:
    digest = hashlib.md5(entry["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": digest}


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with keep-alive, for one request after another."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._received = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        """Answer a request when it is complete."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not end or len(body) < int(headers.get("content-length", 0)):
            return
        self._received = b""
        method, path, _ = first.split(" ")
        content, latency = self._services.answer(method, path, headers.get("x-amz-target", ""), body)
        asyncio.get_running_loop().call_later(latency, self._send, json.dumps(content).encode())

    def _send(self, content: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        if isinstance(self._transport, asyncio.Transport):
            self._transport.write(head.encode() + content)


async def serve(services: Services, port: int) -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(services), "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> int:
    """Serve with the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of 127.0.0.1 (default: any free port)")
    parser.add_argument("--whop", type=float, default=0.05, metavar="S", help="latency of Whop (default: 0.05)")
    parser.add_argument("--aws", type=float, default=0.005, metavar="S", help="latency of AWS (default: 0.005)")
    options = parser.parse_args()
    asyncio.run(serve(Services(options.whop, options.aws), options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
