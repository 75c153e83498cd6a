"""The one lock of DynamoDB: moto checks a condition and writes in separate steps, and threads interleave."""

import threading

LOCK = threading.RLock()
