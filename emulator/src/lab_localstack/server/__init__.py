"""The HTTP server, and whom it answers."""
