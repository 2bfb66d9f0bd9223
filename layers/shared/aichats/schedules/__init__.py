"""Schedule expressions of EventBridge Scheduler, and their fire times. This package uses only the standard library."""
