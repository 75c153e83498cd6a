"""The main program of a function's process: starts AWS's runtime interface client on the handler named by _HANDLER.

    bootstrap.py SCRATCH [FOLDER ...]   gives the process SCRATCH as its /tmp, in which the FOLDERs stay where they are
    bootstrap.py                        the rest, also what AWS_LAMBDA_EXEC_WRAPPER starts in the end

Run by the plain interpreter, without LocalStack on its path. Standard input is a pipe that the engine holds open:
when it ends, the engine is gone, and this process ends with all its children.
"""

import os
import signal
import sys
import threading

NICENESS = 10
"""Every order comes through the engine several times: where processors are short, functions that go first keep all of
them waiting for it. With ten 8 clients' orders a second are a third more on two processors, with five a sixth."""

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
"""Flags of mount(2)."""


def main(scratch: str = "", *kept: str) -> None:
    if scratch:
        os.nice(NICENESS)
        if _try(_replace_tmp, scratch, *kept):
            _replace_tmp(scratch, *kept)
            os.environ.pop("TMPDIR")
            os.environ["HOME"] = "/tmp"  # noqa: S108  the function's own
        if wrapper := os.environ.get("AWS_LAMBDA_EXEC_WRAPPER"):
            _run_in(wrapper)

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


def _end_with_the_engine(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _try(work, *arguments: str) -> bool:
    """Whether a child of this process can do it: one that fails half-way in a namespace cannot go back."""
    child = os.fork()
    if child == 0:
        try:
            work(*arguments)
        except (OSError, AttributeError):
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _replace_tmp(scratch: str, *kept: str) -> None:
    """Mount a folder as this process's /tmp. Raises OSError or AttributeError where the system lets nobody do so.

    Root may; others in a namespace of users, where a container or AppArmor does not forbid it. macOS has neither.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, flags: int) -> None:
        if libc.mount(source.encode(), target.encode(), None, flags, None):
            raise OSError(ctypes.get_errno(), f"cannot mount {target}")

    user, group = os.geteuid(), os.getegid()
    try:
        os.unshare(os.CLONE_NEWNS)
    except PermissionError:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
                file.write(line)
    mount("none", "/", MS_REC | MS_PRIVATE)
    for folder in kept:
        place = os.path.join(scratch, os.path.relpath(folder, "/tmp"))  # noqa: PTH118, S108  the function's own
        os.makedirs(place, exist_ok=True)  # noqa: PTH103
        mount(folder, place, MS_BIND | MS_REC)
    mount(scratch, "/tmp", MS_BIND | MS_REC)  # noqa: S108  the function's own
    os.chdir(os.getcwd())  # noqa: PTH109  the same folder as it is seen now


def _run_in(wrapper: str) -> None:
    """Become AWS_LAMBDA_EXEC_WRAPPER, which gets the command that starts the runtime, as AWS's own bootstrap does it.

    A path in /var/task, where AWS unpacks the code, is one in LAMBDA_TASK_ROOT.
    """
    path = wrapper.replace("/var/task", os.environ["LAMBDA_TASK_ROOT"], 1)
    if not os.path.isfile(path):  # noqa: PTH113
        _give_up(127, f"{wrapper}: does not exist")
    if not os.access(path, os.X_OK):
        _give_up(126, f"{wrapper}: is not an executable")
    runtime = sys.orig_argv[: sys.orig_argv.index(__file__) + 1]
    try:
        os.execv(path, [path, *runtime])  # noqa: S606  the function's own
    except OSError as error:  # no "#!" in its first line, for instance
        _give_up(126, f"{wrapper}: {error.strerror}")


def _give_up(status: int, message: str) -> None:
    os.write(1, f"{message}\n".encode())
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
