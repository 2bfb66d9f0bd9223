"""The providers whose actions runs perform."""
