"""The automations of an agency, of every kind that the console shows."""

from datetime import datetime, timedelta

from tests.support.fakes import Json

HOSTILE_TITLE = "<script>alert('title')</script> \u202egnp.exe\u202c \u200bhidden 🎉"
"""A title with HTML, with a text from right to left and with a character that has no width."""
LONG_NAME = "quarterly-business-review-preparation-for-all-enterprise-clients"
"""A name that is as long as a name can be."""
MEADOW = "biz_Meadow"
BUSY, CLOSED, TWICE, SLOW = "biz_Busy", "biz_Closed", "biz_Twice", "biz_Slow"
"""Companies with which Whop has trouble: it is asked too often, rejects the chat, or creates two and doesn't answer."""


def create(title: str, message: str, **more: object) -> Json:
    """Return the action that creates a chat at Whop."""
    return {"type": "whop.create_chat", "title": title, "message_text": message, **more}


def scheduled(expression: str, timezone: str, action: Json, *targets: str, **more: object) -> Json:
    """Return an automation with a schedule."""
    trigger = {"type": "schedule", "expression": expression, "timezone": timezone}
    return {"trigger": trigger, "action": action, "targets": list(targets), **more}


def at(time: datetime) -> str:
    """Return the expression of a time in UTC."""
    return f"at({time:%Y-%m-%dT%H:%M:%S})"


def listening(event: str, action: Json, *targets: str, filter_: str | None = None, **more: object) -> Json:
    """Return an automation that listens for an event."""
    trigger = {"type": "webhook", "events": [event]} | ({"filter": filter_} if filter_ else {})
    return {"trigger": trigger, "action": action, "targets": list(targets), **more}


def automations(begins: datetime, now: datetime) -> dict[str, Json]:
    """Return the automations by their names.

    Args:
        begins: the time at which they are created.
        now: the time at which people look at them.
    """
    once = (begins + timedelta(hours=30)).replace(minute=0, second=0, microsecond=0)
    campaign = (now + timedelta(hours=9)).replace(minute=30, second=0, microsecond=0)
    return {
        "weekly-revenue": scheduled(
            "cron(0 9 ? * MON-FRI *)",
            "America/New_York",
            create(
                "Revenue of {{ slot.date }}",
                "Summarize the revenue of the last week, compare it with the week before, and name the three largest "
                "changes.\n\n1. New customers\n2. Upgrades\n3. Refunds",
            ),
            "biz_Harbor",
            MEADOW,
            "biz_Orchard",
            description="The account managers read it on Monday, before the call with the client.",
            labels={"team": "growth", "client": "all"},
            managed_by="github.com/northwind/automations",
            missed="run",
        ),
        "daily-standup": scheduled(
            "cron(30 8 ? * * *)",
            "Europe/Berlin",
            create("Stand-up {{ slot.date }}", "What has changed since yesterday?", await_reply=True),
            "biz_Harbor",
            labels={"team": "support"},
        ),
        "inbox-check": scheduled(
            "rate(90 minutes)",
            "UTC",
            create("Inbox at {{ slot.time }}", "Are there messages that nobody has answered?", await_reply=True),
            MEADOW,
            overlap="skip",
            labels={"team": "support", "priority": "high"},
        ),
        "payment-follow-up": listening(
            "payment.failed",
            create("Payment of {{ event.data.user.name }} failed", "Ask {{ event.data.user.name }} for another card."),
            "biz_Harbor",
            filter_="data.amount > `10`",
            description="Only payments above 10 dollars.",
            labels={"team": "growth"},
        ),
        "member-welcome": listening(
            "membership.activated",
            create("Welcome {{ event.data.user.name }}", "Write a short welcome for {{ event.data.user.name }}."),
            "biz_Orchard",
            budget={"runs": 5, "per": "day"},
        ),
        "ticket-triage": scheduled(
            "cron(0 */6 * * ? *)",
            "Asia/Tokyo",
            {"type": "kodey.create_chat", "message_text": "Sort the open tickets by urgency."},
            "agent_triage",
            labels={"team": "support", "provider": "kodey"},
            budget={"tokens": 2_000_000, "runs": 400, "per": "month"},
        ),
        "month-end-close": scheduled(
            "cron(0 18 L * ? *)",
            "Australia/Sydney",
            create("Close {{ slot.date }}", "List what is missing for the books."),
            "biz_Harbor",
        ),
        "campaign-start": scheduled(
            at(campaign),
            "UTC",
            create("The campaign starts", "Draft the announcement of the campaign."),
            MEADOW,
            "biz_Orchard",
        ),
        "launch-note": scheduled(at(once), "UTC", create("Launch", "Thank everybody for the launch."), "biz_Harbor"),
        "quiet-hours": {
            "trigger": {
                "type": "schedule",
                "expression": "cron(0 22 * * ? *)",
                "timezone": "Europe/Paris",
                "enabled": False,
            },
            "action": {"type": "whop.update_chat", "notification_preference": "none"},
            "targets": ["aich_1", "aich_2"],
            "description": "Disabled until the clients have agreed.",
        },
        LONG_NAME: scheduled(
            "cron(15 6 ? * 2#1 *)",
            "America/Los_Angeles",
            create("Quarterly business review", "Prepare the review."),
            *(f"biz_Enterprise{number:02}" for number in range(24)),
            description="Prepares the review for all enterprise clients, on the first Monday of each month, "
            "before the account managers start to work in California.",
            labels={f"client-{number:02}": "enterprise" for number in range(12)},
        ),
        "brand-mentions": scheduled(
            "cron(45 */4 * * ? *)",
            "UTC",
            create(HOSTILE_TITLE, f"{HOSTILE_TITLE}\n<img src=x onerror=alert('message')>\njavascript:alert(1)"),
            CLOSED,
            description="<b onmouseover=alert('description')>\u202eesrever</b>",
            labels={"html": "<script>alert('label')</script>"},
            managed_by="javascript:alert('managed by')",
        ),
        "competitor-watch": scheduled(
            "cron(10 */2 * * ? *)",
            "Europe/London",
            create("Competitors at {{ slot.time }}", "What have our competitors changed?"),
            BUSY,
            labels={"team": "growth"},
            budget={"runs": 30, "per": "day"},
        ),
        "contract-renewals": scheduled(
            "cron(0 7 * * ? *)",
            "America/Sao_Paulo",
            create("Contracts of {{ slot.date }}", "Which contracts end within 30 days?"),
            MEADOW,
            TWICE,
        ),
        "lighthouse-report": scheduled(
            "cron(20 */3 * * ? *)",
            "Asia/Kolkata",
            create("Lighthouse {{ slot.date }}", "How was the day?"),
            "biz_Lighthouse",
            description="Its company has a connection of its own, which is broken.",
        ),
        "night-audit": scheduled(
            "cron(0 */8 * * ? *)",
            "Pacific/Auckland",
            create("Night audit {{ slot.date }}", "Check the bookings."),
            "biz_Orchard",
        ),
    }
