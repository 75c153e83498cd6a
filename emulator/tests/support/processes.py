"""What tests ask about processes that they did not start themselves."""

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Also if nobody has asked yet how it ended: whose parent was killed is left to the first process."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
