"""Whether there is a disk to write to: looked at before anything is begun, and told when a write fails."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from lab.common import paths
from lab.errors import LabError

MIB = 1024**2
NEEDED_BYTES = 256 * MIB
"""An engine with everything deployed takes about half of it; as much again for bundles and reports."""

WRITTEN_TO = (paths.LAB, paths.ENGINES, paths.CLOUD_ASSEMBLIES)
"""Usually one folder; any of them may be a mount of its own."""

PROBE_BYTES = 4096
FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM)


def require_room(*folders: Path, needed: int = NEEDED_BYTES) -> None:
    """Raise LabError unless each folder, or what it will be made in, can be written to and has `needed` bytes free."""
    for folder in folders:
        place = next(place for place in (folder, *folder.parents) if place.exists())
        try:
            with tempfile.TemporaryFile(dir=place) as probe:
                probe.write(b"\0" * PROBE_BYTES)
        except OSError as error:
            error.filename = place
            raise explained(error) or error from error
        free = shutil.disk_usage(place).free
        if free < needed:
            raise LabError(
                f"{_shown(place)} has {free // MIB} MiB free; the lab needs {needed // MIB} MiB.",
                "Free some space, then run the command again.",
            )


def explained(error: OSError) -> LabError | None:
    """The error of a disk that cannot be written to, for a person; None for any other."""
    where = _shown(Path(os.fsdecode(error.filename))) if error.filename else "the lab's disk"
    if error.errno in FULL:
        return LabError(f"No space is left for {where}.", "Free some space, then run the command again.")
    if error.errno == errno.EROFS:
        return LabError(f"{where} is read-only.", "Make it writable, or move the lab to a disk that is.")
    if error.errno in FORBIDDEN and error.filename:
        return LabError(f"You may not write to {where}.", f"See who owns it: ls -ld {where}")
    return None


def _shown(path: Path) -> Path:
    return path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path
