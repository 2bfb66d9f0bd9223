"""The providers, which perform the actions of runs."""
