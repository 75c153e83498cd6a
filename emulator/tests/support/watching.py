"""Processes that note whom they ask: every connection that Python opens in them, and every name that it looks up."""

import json
from ipaddress import ip_address
from pathlib import Path

from support.engines import RUNTIME, EngineWith

HOOK = """
import json, os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[0]
    else:
        return
    if isinstance(address, tuple):
        address = address[0]
    line = json.dumps([{process!r}, event, os.fsdecode(address) if address is not None else None])
    with open({file!r}, "a") as log:
        log.write(line + "\\n")

sys.addaudithook(watch)
"""
"""Notes where to each connection goes and which name is looked up. https://docs.python.org/3/library/audit_events.html"""


class Watch:
    """A folder in which the watched processes note what they ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runtime = folder / "runtime"
        self._runtime.mkdir()
        # Functions have a /tmp of their own, in which they see their runtime and nothing else of the engine's.
        self._notes = self._runtime / "asked"

    def hook(self, process: str) -> str:
        """The source of the hook of one kind of process."""
        return HOOK.format(process=process, file=str(self._notes))

    def site(self, process: str) -> str:
        """The value of PYTHONPATH with which a Python process is watched."""
        site = self._folder / process
        site.mkdir()
        (site / "sitecustomize.py").write_text(self.hook(process))
        return str(site)

    def engine(self) -> EngineWith:
        """An engine that is watched, and so are its functions."""
        return EngineWith(**self.variables())

    def variables(self) -> dict[str, str]:
        """What makes an engine watched, and its functions by the runtime that it offers them."""
        client = RUNTIME / "awslambdaric"
        (self._runtime / "awslambdaric").mkdir()
        for entry in RUNTIME.iterdir():
            if entry != client:
                (self._runtime / entry.name).symlink_to(entry)
        (self._runtime / "awslambdaric" / "__init__.py").write_text(
            f"{self.hook('function')}\n__path__ = [{str(client)!r}]\n{(client / '__init__.py').read_text()}"
        )
        return {"PYTHONPATH": self.site("engine"), "LAB_LAMBDA_RUNTIME": str(self._runtime)}

    def processes(self) -> set[str]:
        """The kinds of processes that have asked anybody."""
        return {process for process, _, _ in self._seen()}

    def outside(self) -> list[tuple[str, str, str]]:
        """Process, event and address of all that did not stay on this machine."""
        return [entry for entry in self._seen() if not _is_here(entry[2])]

    def _seen(self) -> list[tuple[str, str, str]]:
        return [json.loads(line) for line in self._notes.read_text().splitlines()]


def _is_here(address: str | None) -> bool:
    """Whether an address or a name is this machine's loopback, a path of a socket, or none."""
    if address in (None, "", "localhost") or address.startswith("/"):
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
