"""Automations as code: a folder with a file for each automation, a plan, and its application."""
