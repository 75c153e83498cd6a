"""What every room of the lab may use: files, waiting, locks, signals, and the one door to a reader."""
