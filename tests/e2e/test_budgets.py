"""A budget on the whole system: of 40 signed events at once, ten are performed, and the automation is paused."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx

from aichats.schedules.periods import Period
from local.standins.whop.deliveries import PATH, event, signed
from local.system import WEBHOOK_SECRET
from tests.support.mock_servers import Json
from tests.support.running_automations import Automations, company
from tests.support.waiting import until

NAME = "limited"
ACTION = {"type": "whop.create_chat", "message_text": "Why was it refunded?"}
EVENTS, LIMIT = 40, 10
AT_ONCE = 8


def test_of_40_events_at_once_ten_are_performed_and_the_automation_is_paused(
    automations: Automations, crowded_api: httpx.Client
) -> None:
    account = company()
    # A month, unlike a day, hardly ever ends while this test runs.
    budget = {"runs": LIMIT, "per": "month"}
    automations.put(NAME, {"type": "webhook", "events": ["payment.refunded"]}, account, action=ACTION, budget=budget)
    deliveries = [signed(event("payment.refunded", account_id=account), WEBHOOK_SECRET) for _ in range(EVENTS)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda each: crowded_api.post(PATH, content=each.body, headers=each.headers), deliveries)
        assert {answer.status_code for answer in answers} == {202}

    def ended() -> Counter[str]:
        found = Counter(run["status"] for run in automations.runs(NAME))
        return found if found.total() == EVENTS and not found.keys() & {"pending", "performing"} else Counter()

    assert until(ended) == {"succeeded": LIMIT, "skipped": EVENTS - LIMIT}
    assert len(automations.chats(account)) == LIMIT

    def paused() -> Json:
        pause: Json | None = automations.api.get(f"/automations/{NAME}").json()["paused"]
        return pause or {}

    pause = until(paused)
    assert (pause["by"], pause["reason"]) == ("budget", "budget")
    assert datetime.fromisoformat(pause["until"]) == Period.at(datetime.now(UTC), "month").ends
