"""`make test`: its lanes side by side, and the time of each.

A lane is a target of the Makefile. What only computes runs in one process, which imports and synthesizes everything
once, and gives way to what waits with a deadline; two such tracks, so that the end is not one lane on one processor. A
lane that fails shows all that it printed, one that passes its last line. Below stands the processor time of all, which
divided by the processors of the machine is the least that any order of the lanes could take.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

type Track = Sequence[str]
"""Lanes that run after each other."""

COMPUTING: Sequence[Track] = (("lint", "unit"), ("types", "infra-test"))
TRACKS: Sequence[Track] = (*COMPUTING, ("integration",), ("engine-test",), ("engines",))
GIVING_WAY = {lane for track in COMPUTING for lane in track}
NICENESS = 5
MAKE = ("make", "--no-print-directory")


@dataclass(frozen=True)
class Ended:
    """How a lane ended, its seconds, and those of all processors that it and what it started took."""

    lane: str
    code: int
    wall: float
    processor: float
    output: str

    def told(self) -> str:
        """What a person reads when it has ended."""
        lines = self.output.rstrip().splitlines()
        heading = f"=== {self.lane}: {self.word} after {self.wall:.0f} s"
        return "\n".join([heading, *(lines if self.code else lines[-1:])])

    @property
    def word(self) -> str:
        return "FAILED" if self.code else "passed"


def run(tracks: Sequence[Track], command: Sequence[str]) -> list[Ended]:
    """Run every lane, whichever fail, and show each when it has ended. `command` is followed by the lane's name.

    After Ctrl-C, which reaches the lanes as well, it waits until they have stopped their engines.
    """
    ended: list[Ended] = []
    showing, interrupted = threading.Lock(), threading.Event()

    def follow(track: Track) -> None:
        for lane in track:
            if interrupted.is_set():
                return
            one = run_one(lane, command)
            with showing:
                ended.append(one)
                show(one.told())

    threads = [threading.Thread(target=follow, args=(track,)) for track in tracks]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        interrupted.set()
        raise
    return ended


def run_one(lane: str, command: Sequence[str]) -> Ended:
    """Run one lane to its end."""
    began = time.monotonic()
    before, after = (("nice", "-n", str(NICENESS)), ("WORKERS=0",)) if lane in GIVING_WAY else ((), ())
    with tempfile.TemporaryFile() as written:
        process = subprocess.Popen(
            [*before, *command, lane, *after],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        written.seek(0)
        output = written.read().decode(errors="replace")
    return Ended(lane, process.returncode, time.monotonic() - began, used.ru_utime + used.ru_stime, output)


def summary(ended: Sequence[Ended], wall: float, processors: int) -> str:
    """A table of the lanes' times, in the order in which they ended, and the least that all could take."""
    lines = [f"{'lane':<12} {'':<6} {'wall':>7} {'processor':>11}"]
    lines += [f"{one.lane:<12} {one.word} {one.wall:>5.0f} s {one.processor:>9.0f} s" for one in ended]
    used = sum(one.processor for one in ended)
    word = "FAILED" if any(one.code for one in ended) else "passed"
    lines.append(f"{'all':<12} {word} {wall:>5.0f} s {used:>9.0f} s")
    lines.append(f"On {processors} processors no order takes less than {used / processors:.0f} s.")
    return "\n".join(lines)


def main(tracks: Sequence[Track] = TRACKS, command: Sequence[str] = MAKE) -> int:
    """Run all lanes. Returns 1 if any failed."""
    began = time.monotonic()
    show(f"running side by side: {'; '.join(', '.join(track) for track in tracks)}")
    try:
        ended = run(tracks, command)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    show(summary(ended, time.monotonic() - began, os.process_cpu_count() or 1))
    return int(any(one.code for one in ended))


def show(text: str) -> None:
    """A paragraph on standard output."""
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
