"""The DLQ from the terminal: look, redrive, repair, discard. `lab dlq --help` lists the commands."""

DIGEST_SHOWN = 8
"""So many characters of a digest, or of a message id, are typed to confirm what is meant."""
