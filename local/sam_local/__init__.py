"""The functions under SAM CLI, in containers as on Lambda, against stand-ins on this machine."""
