"""The main program of a function's process: starts AWS's runtime interface client on the handler named by _HANDLER.

Run by the plain interpreter, without LocalStack on its path. Standard input is a pipe that the engine holds open:
when it ends, the engine is gone, and this process ends with all its children.
"""

import os
import signal
import sys
import threading


def _end_with_the_engine(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    lifeline = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    threading.Thread(target=_end_with_the_engine, args=(lifeline,), daemon=True, name="lifeline").start()

    # The log sink frames its records, so a record of many lines stays one log event; framed records and what is
    # printed share one pipe, which keeps their order.
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(os.dup(1))
    try:
        import runtime_client  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
        sys.path.append(os.path.join(here, "native_fallback"))  # noqa: PTH118

    from awslambdaric.__main__ import main as run  # type: ignore[import-not-found]

    run(["bootstrap", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
