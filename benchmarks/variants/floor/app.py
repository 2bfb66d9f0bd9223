"""Create a chat for each target of a schedule's event with Python's standard library alone: the floor.

The effects are those of the official variant. Requests to AWS are signed by hand, with Signature Version 4.
"""

import hashlib
import hmac
import http.client
import json
import os
import ssl
import time
from typing import Any

TLS = ssl.create_default_context(capath=os.environ["SSL_CERT_DIR"])
connections: dict[str, http.client.HTTPSConnection] = {}
keys: list[str] = []
"""The key, once it is read."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Perform the event's action on each target."""
    return {"chats": [create_chat(event, target) for target in event["targets"]]}


def create_chat(event: dict[str, Any], target: str) -> str:
    """Create one chat, log it and count it. Return its ID."""
    occurrence = f"{event['automation']}-{event['scheduled_time']}-{target}"
    body = {**event["action"], "current_account_id": target}
    del body["type"]
    headers = {"authorization": f"Bearer {api_key()}", "idempotency-key": occurrence}
    chat_id: str = post(f"{os.environ['WHOP_BASE_URL']}/ai_chats", body, headers)["id"]
    print(json.dumps({"level": "INFO", "message": "run succeeded", "run": occurrence, "chat_id": chat_id}))
    print(json.dumps(metric("RunsSucceeded")))
    return chat_id


def api_key() -> str:
    """Return the key, which is read once for a container."""
    if not keys:
        url = f"{os.environ['AWS_ENDPOINT_URL']}/"
        body = {"SecretId": os.environ["WHOP_SECRET"]}
        headers = signed(url, json.dumps(body).encode(), "secretsmanager", "secretsmanager.GetSecretValue")
        keys.append(json.loads(post(url, body, headers)["SecretString"])["api_key"])
    return keys[0]


def post(url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """Send JSON over a connection that is kept open. Return the JSON of the answer."""
    host, _, path = url.removeprefix("https://").partition("/")
    if host not in connections:
        connections[host] = http.client.HTTPSConnection(host, context=TLS, timeout=20)
    content = json.dumps(body).encode()
    connections[host].request("POST", f"/{path}", content, {"content-type": "application/json"} | headers)
    answer = connections[host].getresponse()
    content = answer.read()
    if answer.status not in (200, 201):
        raise RuntimeError(f"{host}: {answer.status}")
    decoded: dict[str, Any] = json.loads(content)
    return decoded


def signed(url: str, content: bytes, service: str, target: str) -> dict[str, str]:
    """Return the headers of a request to AWS."""
    region, now = os.environ["AWS_REGION"], time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": url.split("/")[2],
        "x-amz-date": now,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
        "x-amz-target": target,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(content).hexdigest()}"
    scope = f"{now[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def metric(name: str) -> dict[str, Any]:
    """Return a count of one for ``name``, in CloudWatch's embedded metric format."""
    definition = {"Namespace": "aichats", "Dimensions": [[]], "Metrics": [{"Name": name, "Unit": "Count"}]}
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [definition]}, name: 1}
