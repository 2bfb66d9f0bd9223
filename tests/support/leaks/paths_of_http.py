"""The paths of the HTTP API: every route, with good and with bad input, and with providers that reject the call."""

import base64
import json
import uuid
from typing import Any

from aichats.api.forms import FORM
from aichats.http.uploads import MAX_UPLOAD_ATTEMPTS
from local.plain_http import plain_client
from local.standins.whop.files import FILES
from tests.support.leaks.bench import LeakBench
from tests.support.leaks.echoing import FORMS, Rejection
from tests.support.leaks.kinds import (
    CONTENT,
    FILE_CONTENT,
    FILE_NAME,
    MESSAGE,
    METADATA,
    RECEIVER_URL,
    SIGNING_SECRET,
    TITLE,
    TOKEN,
    URL_SIGNATURE,
)
from tests.support.mock_servers import AI_CHATS, CHAT
from tests.support.waiting import until

CREATE = f"POST {AI_CHATS}"
REJECTED = {403: 502, 404: 404, 422: 422}
"""The status of the HTTP API for each status of a provider that names a field."""

type Json = dict[str, Any]


def new_chat(bench: LeakBench, **fields: Any) -> Json:
    """Return the body of a request for a chat."""
    canaries = bench.canaries
    return {"message_text": canaries.text(MESSAGE), "title": canaries.text(TITLE), **fields}


def create_chat(bench: LeakBench, **fields: Any) -> Json:
    """Return the action that creates a chat."""
    return {"type": "whop.create_chat", **new_chat(bench, **fields)}


def call_chats(bench: LeakBench) -> None:
    """Create, read, change and delete chats, and repeat a call."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = new_chat(bench, company_id="biz_Own", notification_preference="none")
    chat_id = bench.call("POST", "/chats", json=body, headers=key, expect=201).json()["id"]
    bench.call("POST", "/chats", json=body, headers=key, expect=200)
    bench.call("POST", "/chats", json=new_chat(bench), headers=key, expect=422)
    for company in ("biz_Plain", "biz_Shop"):
        bench.call("POST", "/chats", json=new_chat(bench, company_id=company), expect=201)
    bench.call("GET", "/chats", expect=200)
    bench.call("GET", f"/chats/{chat_id}", expect=200)
    bench.call("PATCH", f"/chats/{chat_id}", json={"title": bench.canaries.text(TITLE)}, expect=200)
    preference = {"notification_preference": "none", "ids": [chat_id]}
    bench.call("POST", "/chats/notification-preference", json=preference, expect=202)
    bench.call("DELETE", f"/chats/{chat_id}", expect=204)
    for field in ("title", "message_text", "attachments", "suggestion_type", "notification_preference", "company_id"):
        bench.call("POST", "/chats", json=new_chat(bench) | {field: [bench.canaries.text(TITLE)]}, expect=422)
    unreadable = json.dumps(new_chat(bench))[:-1]
    bench.call("POST", "/chats", content=unreadable, headers={"Content-Type": "application/json"}, expect=422)
    bench.call("POST", "/chats", content=unreadable, headers={"Content-Type": "text/plain"}, expect=422)


def reject_chats(bench: LeakBench) -> None:
    """Call Whop when it rejects the calls, and repeats them in its answers."""
    chat = bench.call("POST", "/chats", json=new_chat(bench), expect=201).json()["id"]
    change = f"PATCH {AI_CHATS}/{chat}"
    for form in FORMS:
        for status, answered in REJECTED.items():
            bench.whop.reject(Rejection(CREATE, status, form))
            bench.call("POST", "/chats", json=new_chat(bench, company_id="biz_Own"), expect=answered)
            bench.whop.reject(Rejection(change, status, form))
            bench.call("PATCH", f"/chats/{chat}", json={"title": bench.canaries.text(TITLE)}, expect=answered)
        bench.whop.reject(Rejection(change, 401, form))
        bench.call("PATCH", f"/chats/{chat}", json={"title": bench.canaries.text(TITLE)}, expect=502)
    for body in (str, _wrong_types):
        bench.whop.reject(Rejection(change, 200, body=body))
        bench.call("PATCH", f"/chats/{chat}", json={"title": bench.canaries.text(TITLE)}, expect=502)


def lose_answers(bench: LeakBench) -> None:
    """Create chats when the outcome is unknown, and when the credential may become valid again.

    These runs are performed again while the next paths are taken.
    """
    for form in FORMS:
        for status in (401, 500):
            bench.whop.reject(Rejection(CREATE, status, form))
            bench.call("POST", "/chats", json=new_chat(bench, company_id="biz_Shop"), expect=None)
    for body in (str, _wrong_types):
        bench.whop.reject(Rejection(CREATE, 200, body=body))
        bench.call("POST", "/chats", json=new_chat(bench), expect=None)
    for fault in ("drop_before", "drop_after", "error_after", "malformed", "status:401", "status:429"):
        bench.whop_mock.faults({"method": "POST", "path": AI_CHATS, "fault": fault})
        bench.call("POST", "/chats", json=new_chat(bench), expect=None)


def _wrong_types(echo: str) -> str:
    """Return a chat whose fields have wrong types and contain an echo."""
    return json.dumps({"id": "aich_wrong", "title": [echo], "created_at": echo, "user": echo, echo: echo})


def call_files(bench: LeakBench) -> None:
    """Create files in all ways, send and read one, and let Whop and its storage reject them."""
    _upload(bench, expect=201)
    announced = {"filename": _filename(bench), "byte_size": 5}
    answer = bench.call("POST", "/files", json=announced, expect=201)
    with plain_client() as http:
        http.put(answer.json()["upload_url"], content=b"hello", headers=answer.json()["upload_headers"])
    bench.call("GET", answer.headers["Location"], expect=200)
    content = base64.b64encode(bench.canaries.text(FILE_CONTENT).encode()).decode()
    bench.call("POST", "/files", json={"filename": _filename(bench), "content_base64": content}, expect=201)
    bench.call("POST", "/files", json={"filename": _filename(bench), "content_base64": f"{content}="}, expect=422)
    bench.call("POST", "/files", json=announced | {"filename": f"/{_filename(bench)}"}, expect=422)
    text = bench.canaries.text(FILE_CONTENT)
    bench.call("POST", "/files", data={"file": text}, files={"other": (_filename(bench), text)}, expect=422)
    bench.call("POST", "/files", content=text, headers={"Content-Type": f"{FORM}; boundary=x"}, expect=422)
    for form in FORMS:
        for status, answered in REJECTED.items():
            bench.whop.reject(Rejection(f"POST {FILES}", status, form))
            _upload(bench, expect=answered)
        bench.whop.reject(Rejection(f"POST {FILES}", 500, form))
        _upload(bench, expect=502)
        bench.whop.reject(Rejection("PUT /uploads/", 403, form))
        _upload(bench, expect=502)
        bench.whop.reject(*[Rejection("PUT /uploads/", 503, form)] * MAX_UPLOAD_ATTEMPTS)
        _upload(bench, expect=502)
    bench.whop.reject(Rejection(f"POST {FILES}", 200, body=_wrong_file))
    _upload(bench, expect=502)


def _upload(bench: LeakBench, *, expect: int) -> None:
    """Upload a file whose content is JSON, so that a rejection can repeat its text."""
    content = json.dumps({"note": bench.canaries.text(FILE_CONTENT)})
    files = {"file": (_filename(bench), content, "application/json")}
    bench.call("POST", "/files", files=files, data={"company_id": "biz_Own"}, expect=expect)


def _filename(bench: LeakBench) -> str:
    return f"{bench.canaries.name(FILE_NAME)}.json"


def _wrong_file(echo: str) -> str:
    """Return a file whose fields have wrong types and contain an echo."""
    return json.dumps({"id": echo, "upload_status": [echo], "upload_url": [echo], "upload_headers": echo, echo: echo})


def attach_urls(bench: LeakBench) -> None:
    """Attach files whose URLs have a signature, and which can't be fetched, at once and in an automation."""
    signature = bench.canaries.name(URL_SIGNATURE)
    schedule = {"type": "schedule", "expression": "rate(1 day)"}
    # The second host has no address, so its runs wait.
    for url, answered in (("https://127.0.0.1", 422), ("https://no-such-host.invalid", 202), ("http://1.1.1.1", 422)):
        attached = {"attachments": [{"url": f"{url}/{'x' * 200}.pdf?signature={signature}"}]}
        bench.call("POST", "/chats", json=new_chat(bench) | attached, expect=answered)
        work = {"action": create_chat(bench) | attached, "targets": ["biz_Own"]}
        bench.call("POST", "/runs", json=work, expect=422 if url.startswith("http:") else 202)
        automation = work | {"trigger": schedule}
        expect = 422 if url.startswith("http:") else None
        bench.call("PUT", "/automations/signed", json=automation, expect=expect)
    bench.call("POST", "/automations/signed/run", expect=202)
    bench.call("GET", "/automations/signed", expect=200)


def call_kodey(bench: LeakBench) -> None:
    """Create, read and delete chats of Kodey, send messages, and let Kodey reject calls."""
    content, metadata = (bench.canaries.text(kind) for kind in (CONTENT, METADATA))
    body = {"agent_id": "agent_support", "message_text": content, "metadata": {"note": metadata}}
    chat_id = bench.call("POST", "/kodey/chats", json=body, expect=201).json()["chat"]["id"]
    chat = f"/kodey/chats/{chat_id}"
    bench.call("POST", f"{chat}/messages", json={"content": bench.canaries.text(CONTENT)}, expect=201)
    for path in ("/kodey/chats", chat, f"{chat}/messages"):
        bench.call("GET", path, expect=200)
    bench.call("PATCH", chat, json={"title": bench.canaries.text(TITLE)}, expect=422)
    bench.call("POST", "/kodey/chats", json=body | {"metadata": [metadata]}, expect=422)
    bench.call("POST", f"{chat}/messages", json={"content": [content]}, expect=422)
    for form in FORMS:
        bench.kodey.reject(Rejection(f"GET {CHAT}/", 403, form))
        bench.call("GET", chat, expect=502)
    bench.kodey.reject(Rejection(f"POST {CHAT}/", 403))
    bench.call("POST", f"{chat}/messages", json={"content": bench.canaries.text(CONTENT)}, expect=502)
    bench.kodey.reject(Rejection(f"POST {CHAT}", 403, "json"))
    bench.call("POST", "/kodey/chats", json=body, expect=502)
    bench.call("DELETE", chat, expect=204)


def call_runs(bench: LeakBench) -> None:
    """Start, read, replay and resolve runs."""
    targets = ["biz_Plain", "biz_Own", "biz_Shop"]
    body = {"action": create_chat(bench), "targets": targets}
    for run_id in bench.call("POST", "/runs", json=body, expect=202).json()["run_ids"]:
        assert bench.ended(run_id)["status"] == "succeeded"
    bench.call("POST", "/runs", json=body | {"targets": [bench.canaries.text(MESSAGE)]}, expect=422)
    bench.whop.reject(*[Rejection(CREATE, 403)] * 3)
    run_ids = bench.call("POST", "/runs", json=body, expect=202).json()["run_ids"]
    for run_id in run_ids:
        assert bench.ended(run_id)["status"] == "failed"
    bench.call("POST", f"/runs/{run_ids[0]}/replay", expect=202)
    assert bench.ended(run_ids[0])["status"] == "succeeded"
    bench.call("POST", f"/runs/{run_ids[0]}/replay", expect=409)
    bench.call("POST", f"/runs/{run_ids[1]}/resolve", json={"outcome": "failed"}, expect=409)
    bench.call("POST", f"/runs/{run_ids[1]}/resolve", json={"outcome": bench.canaries.text(TITLE)}, expect=422)
    filters = {"filter": {"status": ["failed"], "target": "biz_Shop"}}
    bench.call("POST", "/runs/replay", json=filters | {"dry_run": True}, expect=200)
    job = bench.call("POST", "/runs/replay", json=filters, expect=202).headers["Location"]
    until(lambda: bench.ended(run_ids[2])["status"] == "succeeded")
    for name in ("target", "label", "status"):
        wrong = {"filter": filters["filter"] | {name: [bench.canaries.text(TITLE)]}}
        bench.call("POST", "/runs/cancel", json=wrong, expect=422)
    for caller in ("all", "runs"):
        bench.call("GET", job, caller=caller, expect=200)
        bench.call("GET", "/runs", caller=caller, expect=200)
        bench.call("GET", f"/runs/{run_ids[0]}", caller=caller, expect=200)


def call_automations(bench: LeakBench) -> None:
    """Write, read, preview, run and delete automations, and let their schedules fire."""
    trigger = {"type": "schedule", "expression": "cron(0 9 ? * MON *)", "timezone": "Europe/Berlin"}
    body = {"trigger": trigger, "action": create_chat(bench), "targets": ["biz_Own"]}
    bench.call("PUT", "/automations/weekly", json=body, expect=201)
    bench.call("PUT", "/automations/weekly", json=body, headers={"If-Match": "x"}, expect=412)
    bench.call("PUT", "/automations/weekly", json=body | {"targets": ["biz_Shop"]}, expect=200)
    for path in ("/automations", "/automations/weekly", "/automations/weekly/preview"):
        bench.call("GET", path, expect=200)
    bench.call("GET", "/automations/weekly/preview?render=true", expect=200)
    bench.call("POST", "/automations/preview", json=trigger, expect=200)
    bench.call("POST", "/automations/preview", json=body, expect=200)
    bench.call("PUT", "/automations/weekly?dry_run=true", json=body, expect=200)
    [run_id] = bench.call("POST", "/automations/weekly/run", expect=202).json()["run_ids"]
    assert bench.ended(run_id)["status"] == "succeeded"
    for wrong in ("{{ nothing }}", "{{ ", "{{ slot.date.x }}"):
        action = create_chat(bench)
        action["title"] += wrong
        bench.call("PUT", "/automations/weekly", json=body | {"action": action}, expect=422)
        bench.call("POST", "/automations/preview", json=body | {"action": action}, expect=200)
    for path in ("/automations/weekly", ""):
        planned = {"from": "2030-12-24T00:00Z"}
        bench.call("POST", f"{path}/pause", json=planned | {"reason": "Holidays"}, expect=200)
        bench.call("POST", f"{path}/resume", json=planned, expect=200)
    bench.call("PUT", "/automations/other", json=body, expect=201)
    bench.call("DELETE", "/automations/other", expect=204)


def call_subscriptions(bench: LeakBench) -> None:
    """Write, read, rotate and delete subscriptions whose URLs contain a token."""
    bench.canaries.add(SIGNING_SECRET, bench.stored("events")["signing_key"])
    url = f"https://no-such-host.invalid/{bench.canaries.token(RECEIVER_URL)}"
    body = {"url": url, "events": ["*"]}
    path = "/subscriptions/alerts"
    created = bench.call("PUT", path, json=body, expect=201)
    secret = bench.canaries.add(SIGNING_SECRET, created.json()["secret"])
    bench.call("PUT", path, json=body | {"description": "Alerts"}, expect=200)
    bench.call("PUT", path, json=body, headers={"If-Match": "x"}, expect=412)
    for wrong in ({"events": [secret]}, {"format": secret}, {"secret": secret}):
        bench.call("PUT", path, json=body | wrong, expect=422)
    for wrong in ({"url": url.replace("https", "http")}, {"url": f"{url} "}, {"url": [url]}, {"events": [url]}):
        bench.call("PUT", path, json=body | wrong, expect=422)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(2):
        rotated = bench.call("POST", f"{path}/rotate", headers=key, expect=200)
        bench.canaries.add(SIGNING_SECRET, rotated.json()["secret"])
    for shown in (path, "/subscriptions"):
        bench.call("GET", shown, expect=200)
    other = bench.call("PUT", "/subscriptions/other", json=body, expect=201)
    bench.canaries.add(SIGNING_SECRET, other.json()["secret"])
    bench.call("DELETE", "/subscriptions/other", expect=204)
    bench.call("PUT", path, json=body, caller="runs", expect=403)
    bench.call("GET", "/events", expect=200)


def call_without_right(bench: LeakBench) -> None:
    """Call the API without a token, with an unknown token and without a scope."""
    bench.call("POST", "/chats", json=new_chat(bench), caller=None, expect=401)
    unknown = bench.canaries.token(TOKEN)
    bench.call("POST", "/chats", json=new_chat(bench), caller=None, token=unknown, expect=401)
    bench.call("POST", "/chats", json=new_chat(bench), caller="runs", expect=403)
    bench.call("GET", "/nothing", expect=404)
    bench.call("PUT", "/chats", json=new_chat(bench), expect=405)
