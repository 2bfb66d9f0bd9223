"""Schedule expressions of EventBridge Scheduler and the times at which they fire. Uses the standard library alone."""
