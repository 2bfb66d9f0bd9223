"""The providers that perform the actions of runs."""
