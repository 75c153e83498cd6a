"""What the functions' modules expect from their environment as soon as they are imported."""

import os

os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Ingestion")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "unit")
