"""Schedule expressions of EventBridge Scheduler: their syntax, and when they fire. Pure, standard library alone."""
