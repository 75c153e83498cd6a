"""The DLQ from the terminal: look, redrive, repair, discard. `lab dlq --help` lists the commands."""
