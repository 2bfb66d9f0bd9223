"""The commands, a module for each group. Each is imported when it is used."""
