"""The commands: set-up, mock servers, the local AWS, the demo, and work on a deployed stack. None of it is deployed."""
