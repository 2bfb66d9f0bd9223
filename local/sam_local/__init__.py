"""The functions under SAM CLI, in containers as on Lambda, with mock servers on this machine."""
