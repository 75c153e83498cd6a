"""`lab load` refuses what Locust would end in a traceback for."""

import socket

import pytest

from lab import engines
from lab.errors import LabError
from loadtests.command import load


class Running:
    def require_running(self) -> None:
        """It is."""


def test_a_busy_port_of_the_web_ui_is_named_with_its_owner_and_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "present", lambda _port: Running())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=rf"^Port {port} is in use by .* \(pid \d+\)\.$") as raised:
            load(web_port=port)
    assert raised.value.fix.endswith(f"make load LOCUST_PORT={port + 1}")
