"""EventBridge: LocalStack's provider with metrics, and targets in this engine called without HTTP."""
