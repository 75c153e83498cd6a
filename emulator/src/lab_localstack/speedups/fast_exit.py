"""The engine's process ends as soon as everything is stopped.

The interpreter would first take apart all of the engine's objects, which takes seconds of processor time on a busy
machine and has no effect.
"""

import atexit
import logging
import os
import sys

from localstack.runtime import get_current_runtime, hooks


@hooks.on_infra_start()
def skip_finalization() -> None:
    """Registered before all that LocalStack registers while it runs, therefore called after it."""
    atexit.register(_exit)


def _exit() -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(get_current_runtime().exit_code)
