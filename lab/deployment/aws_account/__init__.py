"""The AWS target: the same four stacks in a real account, which nobody reaches by accident."""
