"""Attachments from S3, on the local cloud. The page about attachments is in test_tutorials.py."""

import hashlib

import pytest

from local.cloud.emulator import REGION
from local.plain_http import plain_client
from local.system import BEARER, System
from tests.support.mock_servers import ATTACHMENTS_BUCKET, MockServer
from tests.support.waiting import until

LARGE = bytes(range(256)) * 24_000


@pytest.mark.usefixtures("automations")
def test_an_object_of_the_bucket_is_uploaded_for_the_chat_of_an_automation(system: System, whop: MockServer) -> None:
    whop.mode(files="uploaded")
    s3 = system.emulator.clients.s3
    s3.create_bucket(Bucket=ATTACHMENTS_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    attached = {"attachments": [{"s3": f"s3://{ATTACHMENTS_BUCKET}/reports/{{{{ target }}}}.pdf"}]}
    s3.put_object(Bucket=ATTACHMENTS_BUCKET, Key="reports/biz_A.pdf", Body=LARGE)
    action = {"type": "whop.create_chat", "message_text": "Summarize the attached report."} | attached
    with plain_client() as http:
        headers = {"authorization": f"Bearer {BEARER}"}
        body = {"trigger": {"type": "schedule", "expression": "rate(1 day)"}, "action": action, "targets": ["biz_A"]}
        assert http.put(f"{system.api_url}/automations/report", json=body, headers=headers).status_code == 201
        assert http.post(f"{system.api_url}/automations/report/run", headers=headers).status_code == 202
    [chat] = until(lambda: whop.state()["chats"])
    [file] = whop.state()["files"]
    assert chat["message_attachments"] == [file["id"]]
    assert (file["filename"], file["sha256"]) == ("biz_A.pdf", hashlib.sha256(LARGE).hexdigest())
