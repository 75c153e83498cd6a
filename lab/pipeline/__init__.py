"""The deployed pipeline as it is seen from outside, through AWS APIs alone."""
