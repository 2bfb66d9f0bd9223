"""The index of the operations, which `make generate` writes. A function finds an operation with it."""

INDEX: dict[str, dict[str, tuple[str, str, tuple[str, ...], bool, bool]]] = {
    "/automations/{name}": {
        "PUT": ("automations", "put_automation", ("automations:write", "chats:write"), True, True),
        "GET": ("automations", "get_automation", ("automations:read",), True, True),
        "DELETE": ("automations", "delete_automation", ("automations:write",), True, True),
    },
    "/automations": {"GET": ("automations", "list_automations", ("automations:read",), True, True)},
    "/automations/{name}/pause": {"POST": ("pauses", "pause_automation", ("automations:write",), True, True)},
    "/automations/{name}/resume": {"POST": ("pauses", "resume_automation", ("automations:write",), True, True)},
    "/pause": {
        "POST": ("pauses", "pause_stack", ("automations:write",), False, True),
        "GET": ("pauses", "get_stack_pause", ("automations:read",), False, True),
    },
    "/resume": {"POST": ("pauses", "resume_stack", ("automations:write",), False, True)},
    "/automations/{name}/preview": {"GET": ("previews", "preview_automation", ("automations:read",), True, True)},
    "/automations/preview": {"POST": ("previews", "preview_schedule", ("automations:read",), True, True)},
    "/automations/{name}/run": {
        "POST": ("run_now", "run_automation", ("automations:write", "chats:write"), True, True)
    },
    "/events/types": {"GET": ("events", "list_event_types", ("automations:read",), False, True)},
    "/events/test": {"POST": ("events", "send_test_event", ("automations:write", "chats:write"), False, True)},
    "/events": {"GET": ("sent_events", "list_events", ("runs:read", "automations:read"), True, True)},
    "/runs": {
        "GET": ("runs", "list_runs", ("runs:read",), True, True),
        "POST": ("runs", "start_runs", ("runs:write", "chats:write"), True, True),
    },
    "/runs/{run_id}": {"GET": ("runs", "get_run", ("runs:read",), True, True)},
    "/runs/{run_id}/replay": {"POST": ("runs", "replay_run", ("runs:write",), True, True)},
    "/runs/{run_id}/cancel": {"POST": ("runs", "cancel_run", ("runs:write",), True, True)},
    "/runs/{run_id}/resolve": {"POST": ("runs", "resolve_run", ("runs:write",), True, True)},
    "/chats": {
        "POST": ("create_chat", "create_chat", ("chats:write",), True, True),
        "GET": ("chats", "list_chats", ("chats:read",), False, True),
    },
    "/chats/{chat_id}": {
        "GET": ("chats", "get_chat", ("chats:read",), False, True),
        "PATCH": ("chats", "update_chat", ("chats:write",), False, True),
        "DELETE": ("chats", "delete_chat", ("chats:write",), False, True),
    },
    "/files": {"POST": ("files", "create_file", ("chats:write",), True, True)},
    "/files/{file_id}": {"GET": ("files", "get_file", ("chats:read",), True, True)},
    "/chats/notification-preference": {"POST": ("mutes", "set_notification_preference", ("chats:write",), False, True)},
    "/kodey/chats": {
        "POST": ("kodey", "create_kodey_chat", ("chats:write",), False, True),
        "GET": ("kodey", "list_kodey_chats", ("chats:read",), False, True),
    },
    "/kodey/chats/{chat_id}": {
        "GET": ("kodey", "get_kodey_chat", ("chats:read",), False, True),
        "PATCH": ("kodey", "update_kodey_chat", ("chats:write",), False, False),
        "DELETE": ("kodey", "delete_kodey_chat", ("chats:write",), False, True),
    },
    "/kodey/chats/{chat_id}/messages": {
        "POST": ("kodey", "send_kodey_message", ("chats:write",), False, True),
        "GET": ("kodey", "list_kodey_messages", ("chats:read",), False, True),
    },
    "/runs/replay": {"POST": ("bulk", "replay_runs", ("runs:write",), True, True)},
    "/runs/cancel": {"POST": ("bulk", "cancel_runs", ("runs:write",), True, True)},
    "/jobs/{job_id}": {"GET": ("bulk", "get_job", ("runs:read",), True, True)},
    "/subscriptions/{name}": {
        "PUT": ("subscriptions", "put_subscription", ("subscriptions:write",), False, True),
        "GET": ("subscriptions", "get_subscription", ("subscriptions:read",), False, True),
        "DELETE": ("subscriptions", "delete_subscription", ("subscriptions:write",), False, True),
    },
    "/subscriptions": {"GET": ("subscriptions", "list_subscriptions", ("subscriptions:read",), False, True)},
    "/subscriptions/{name}/rotate": {"POST": ("subscriptions", "rotate_secret", ("subscriptions:write",), False, True)},
    "/subscriptions/{name}/test": {"POST": ("deliveries", "send_test_delivery", ("subscriptions:write",), False, True)},
    "/subscriptions/{name}/deliveries": {
        "GET": ("deliveries", "list_deliveries", ("subscriptions:read",), False, True)
    },
    "/subscriptions/{name}/redeliver": {
        "POST": ("deliveries", "start_redelivery", ("subscriptions:write",), False, True)
    },
    "/usage": {"GET": ("usage", "get_usage", ("runs:read",), True, True)},
    "/budgets": {"GET": ("budgets", "list_budgets", ("runs:read",), True, True)},
    "/me": {"GET": ("me", "get_me", (), True, True)},
    "/upcoming": {"GET": ("upcoming", "list_upcoming", ("automations:read",), True, True)},
    "/connections": {"GET": ("connections", "list_connections", ("automations:read",), False, True)},
}
"""For each path and method: the module, the function, the scopes, `limited`, and if it can succeed."""
