"""`make setup` on machines unlike this one (make test-setup)."""
