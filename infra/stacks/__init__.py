"""The four stacks: queue, functions, api, observability."""
