"""The network of a stack that calls its own webhook."""

from typing import Any

import httpx

from aichats.api.routes.webhooks import receive
from aichats.bootstrap import Application
from local.standins.whop.deliveries import PATH
from tests.support.fakes import FakeSecretsManager, FakeSqs, ScriptedTransport
from tests.support.lambda_calls import REQUEST_ID, http_event, make_application


class OwnNetwork(httpx.BaseTransport):
    """The network of an application: a request to its webhook reaches the application, others reach Whop.

    Attributes:
        failure: if it isn't ``None``, the webhook's answer, or the error instead of an answer.
        deliveries: the requests to the webhook.
        app: the application. It is set after the network is created.
    """

    def __init__(self, whop: httpx.BaseTransport) -> None:
        self.failure: httpx.Response | httpx.TransportError | None = None
        self.deliveries: list[httpx.Request] = []
        self.app: Application | None = None
        self._whop = whop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != PATH:
            return self._whop.handle_request(request)
        self.deliveries.append(request)
        if isinstance(self.failure, httpx.TransportError):
            raise self.failure
        if self.failure is not None:
            return self.failure
        assert self.app is not None
        event = http_event("POST", PATH, request.content.decode(), token=None, headers=dict(request.headers))
        reply = receive(self.app, event, REQUEST_ID)
        return httpx.Response(reply["statusCode"], headers=reply["headers"], text=reply["body"])


def with_own_webhook(
    whop: httpx.BaseTransport | None = None,
    *,
    sqs: FakeSqs | None = None,
    secrets: FakeSecretsManager | None = None,
    **settings: Any,
) -> tuple[Application, OwnNetwork]:
    """Return an application that reaches its own webhook, and its network."""
    network = OwnNetwork(whop or ScriptedTransport())
    network.app = make_application(network, secrets, sqs=sqs, **settings)
    return network.app, network
