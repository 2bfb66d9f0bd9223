"""Mocks of Secrets Manager, DynamoDB and Whop on loopback, over TLS, that answer immediately."""

import json
import time
from collections import Counter
from pathlib import Path
from socket import socket
from threading import Lock
from typing import Any

import certifi

from benchmarks.certificates import make_certificate
from benchmarks.loopback import Handler, Server

SECRET = {"Name": "aichats/benchmark/whop", "SecretString": json.dumps({"api_key": "key_of_the_benchmark"})}
CHAT = {
    "id": "aich_xxxxxxxxxxxxx",
    "title": "Weekly revenue",
    "notification_preference": "all",
    "message_count": 1,
    "blended_token_usage": "0.0",
    "created_at": "2026-11-23T14:00:00.401Z",
    "updated_at": "2026-11-23T14:00:00.401Z",
    "last_message_at": None,
    "user": {"id": "user_xxxxxxxxxxxxx"},
    "agent_identifier": "support",
}
SERVICES = {"secretsmanager": "secret", "DynamoDB_20120810": "ledger"}
"""Service by the first word of ``X-Amz-Target``, which only calls to AWS have."""
ANSWERS: dict[str, dict[str, Any]] = {"secret": SECRET, "ledger": {}, "chat": CHAT, "change": CHAT}


class Upstream(Server):
    """A server that listens in its ``with`` block.

    Attributes:
        url: its URL, ``https://127.0.0.1:<port>``.
        ca_bundle: the certificates for a client: certifi's bundle, because its size costs time, and the server's own.
        calls: number of calls, by service.
        seconds: total time of its responses.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(_Calls)
        certificate, self._tls = make_certificate(folder, "127.0.0.1")
        self.ca_bundle = folder / "ca-bundle.pem"
        self.ca_bundle.write_text(certifi.contents() + certificate.read_text())
        self.url = f"https://127.0.0.1:{self.server_port}"
        self.calls: Counter[str] = Counter()
        self.seconds = 0.0
        self._lock = Lock()

    def get_request(self) -> tuple[socket, Any]:
        """Accept a connection. Its handshake comes later, in the thread that serves it."""
        connection, address = super().get_request()
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def note(self, service: str, seconds: float) -> None:
        """Count a call."""
        with self._lock:
            self.calls[service] += 1
            self.seconds += seconds


class _Calls(Handler):
    server: Upstream

    def respond(self) -> None:
        """Answer with the secret, a write to the ledger, or a created or changed chat."""
        begun = time.perf_counter()
        self.body()
        target = self.headers.get("X-Amz-Target", "").partition(".")[0]
        service = SERVICES.get(target, "chat" if self.command == "POST" else "change")
        content = json.dumps(ANSWERS[service]).encode()
        self.answer(200, content, {"Content-Type": "application/json"})
        # Count before sending, so that the call is counted when the function continues.
        self.server.note(service, time.perf_counter() - begun)
