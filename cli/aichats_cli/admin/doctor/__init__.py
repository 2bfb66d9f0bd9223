"""`aichats admin doctor`: checks of a deployed stack, each with what to do."""
