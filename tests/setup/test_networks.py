"""Setup behind a proxy that asks for a password and inspects TLS, from a mirror of the packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.setup.conftest import CERTIFICATES, USER, Index, Proxy, environment, isolated, make


@pytest.fixture
def behind(small: Path, index: Index, proxy: Proxy, current_node: Path, tmp_path: Path) -> dict[str, str]:
    """An environment that names the proxy and the mirror by the usual variables, and no certificate."""
    given = environment(
        tmp_path / "home",
        PYTHON=f"{sys.base_prefix}/bin/python3.13",
        HTTPS_PROXY=f"http://{USER}@{proxy.address}",
        PIP_INDEX_URL=f"{index.address}/simple/",
        npm_config_registry=f"{index.address}/npm/",
    )
    index.asked.clear()
    return given | {"PATH": f"{current_node}:{given['PATH']}"}


def trusting(proxy: Proxy, folder: Path) -> Path:
    """The system's certificates and the proxy's CA: what a machine of such a network has as its store."""
    store = folder / "store.pem"
    store.write_bytes(CERTIFICATES.read_bytes() + proxy.ca.read_bytes())
    return store


def made(small: Path, environ: dict[str, str], store: Path, *arguments: str) -> str:
    """What make says in a machine that has these certificates in its system's place for them. It must succeed."""
    bound = f"mount --bind {store} {CERTIFICATES} && exec make --no-print-directory {' '.join(arguments)}"
    done = subprocess.run(
        [*isolated("--mount"), "bash", "-c", bound],
        cwd=small,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_setup_passes_an_inspecting_proxy_whose_ca_is_in_the_systems_store(
    small: Path, behind: dict[str, str], index: Index, proxy: Proxy, tmp_path: Path
) -> None:
    said = made(small, behind, trusting(proxy, tmp_path), "setup")
    assert said.splitlines()[-1] == "setup: done"
    assert {"/simple/uv/", "/simple/tiny/", "/npm/tiny"} <= set(index.asked)
    assert (small / "infra/node_modules/tiny/package.json").exists()


def test_doctor_finds_the_proxy_and_trusts_it_by_the_systems_store(
    small: Path, behind: dict[str, str], proxy: Proxy, tmp_path: Path
) -> None:
    said = made(small, behind, trusting(proxy, tmp_path), "doctor")
    assert f"proxy          {proxy.address}\n" in said
    assert "certificates   localhost is trusted\n" in said
    assert USER.split(":")[1] not in said


def test_a_ca_that_is_named_is_trusted_by_every_installer(
    small: Path, behind: dict[str, str], index: Index, proxy: Proxy, tmp_path: Path
) -> None:
    done = make(small, behind | {"SSL_CERT_FILE": str(trusting(proxy, tmp_path))}, "setup")
    assert done.returncode == 0, done.stdout
    assert {"/simple/uv/", "/simple/tiny/", "/npm/tiny"} <= set(index.asked)


def test_a_ca_that_nobody_trusts_is_named_as_the_trouble(
    small: Path, behind: dict[str, str], index: Index
) -> None:
    done = make(small, behind, "setup")
    assert done.returncode != 0
    assert "error: uv could not be installed: the network's certificate is not trusted." in done.stdout
    assert "SSL_CERT_FILE=/path/to/ca.pem" in done.stdout
    assert index.asked == []
    looked = make(small, behind, "doctor")
    assert "update-ca-certificates" in looked.stdout


def test_a_wrong_password_is_named_as_the_trouble(
    small: Path, behind: dict[str, str], index: Index, proxy: Proxy, tmp_path: Path
) -> None:
    wrong = behind | {
        "HTTPS_PROXY": f"http://ann:wr0ng@{proxy.address}",
        "SSL_CERT_FILE": str(trusting(proxy, tmp_path)),
    }
    looked = make(small, wrong, "doctor")
    assert f"{proxy.address} asks for a user and a password" in looked.stdout
    done = make(small, wrong, "setup")
    assert "fix: Run make doctor" in done.stdout
    assert "wr0ng" not in looked.stdout
    assert index.asked == []
