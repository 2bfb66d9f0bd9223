"""What happens by itself: the triggers of automations, and when they fire."""
