"""Ports of 127.0.0.1: free or not, and whose."""

import socket

import psutil

from lab.errors import LabError

LOOPBACK = "127.0.0.1"


def require_free(port: int, chosen_by: str = "make up LAB_PORT") -> None:
    """Raise LabError, naming the owner where the system says it, when the port cannot be listened on.

    `chosen_by` is what another one is chosen by.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise LabError(
                f"Port {port} is in use{owner(port)}.",
                f"Stop that program, or choose another port: {chosen_by}={port + 1}",
            ) from error


def free() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def owner(port: int) -> str:
    """` by NAME (pid N)` of the process that listens on the port, or nothing if the system will not say."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
                continue
            if connection.laddr.port == port:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
