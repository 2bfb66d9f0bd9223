"""The command `aichats`: automations, runs and chats of a stack from the terminal."""
