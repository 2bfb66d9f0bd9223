"""The commands for administrators of a deployed stack. They need the extra `admin`."""
