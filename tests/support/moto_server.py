"""moto's AWS behind HTTP, for clients that are not botocore. moto's own server needs Flask."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.core.models import botocore_stubber

_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
_LOCK = Lock()
"""moto's backends are not made for threads."""


class MotoHandler(BaseHTTPRequestHandler):
    """Hands requests to moto, at the address that the service would have in AWS."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Otherwise each response is sent in two packets, and the second one waits for 40 ms.

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        scope = _SCOPE.search(self.headers["authorization"])
        assert scope, "the request is not signed"
        host = f"{scope['service']}.{scope['region']}.amazonaws.com"
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            headers[name] = host if name.lower() == "host" else value
        request = AWSPreparedRequest("POST", f"https://{host}{self.path}", headers, body, stream_output=False)
        with _LOCK:
            answer = botocore_stubber.process_request(request)
        assert answer is not None, host
        self._respond(*answer)

    def _respond(self, status: int, headers: dict[str, str], body: str | bytes) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "date", "server", "connection"}:
                self.send_header(name, str(value))
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def moto_server() -> Iterator[None]:
    """Run moto as the AWS of this process, for all clients that are created in the block."""
    with (
        mock_aws(),
        pytest.MonkeyPatch.context() as patch,
        ThreadingHTTPServer(("127.0.0.1", 0), MotoHandler) as server,
    ):
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
