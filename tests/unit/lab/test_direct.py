"""No client of the engine goes through a proxy; what asks AWS itself does."""

import ssl

import boto3
import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from lab.deployment.aws_account import cdk
from lab.engines import HostEngine, direct
from lab.engines.clients import Aws
from tests.support.listener import Listener, listener

SESSION = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


def proxied(monkeypatch: pytest.MonkeyPatch, proxy: Listener) -> None:
    for name, value in proxy.environment.items():
        monkeypatch.setenv(name, value)


def test_a_client_of_the_engine_asks_the_engine_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listener() as proxy, listener() as engine:
        proxied(monkeypatch, proxy)
        client = Aws(SESSION, engine.environment["HTTP_PROXY"]).client(
            "sts", retries={"total_max_attempts": 1}
        )
        with pytest.raises(ClientError, match="502"):
            client.get_caller_identity()
        assert engine.heard == ["POST / HTTP/1.1"]
        assert proxy.heard == []


def test_an_http_client_of_the_engine_asks_the_engine_and_trusts_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listener() as proxy, listener() as engine:
        proxied(monkeypatch, proxy)
        assert httpx.get(engine.environment["HTTP_PROXY"], **direct.DIRECT).status_code == 502
        assert engine.heard == ["GET / HTTP/1.1"]
        assert proxy.heard == []
    trusting = direct.DIRECT["verify"]
    assert trusting.verify_mode is ssl.CERT_REQUIRED
    assert trusting.cert_store_stats()["x509"] == 0


def test_a_client_of_aws_goes_through_the_users_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as proxy:
        proxied(monkeypatch, proxy)
        client = Aws(SESSION, None).client("sts", retries={"total_max_attempts": 1})
        with pytest.raises(BotoCoreError):
            client.get_caller_identity()
        assert [line.rpartition(" ")[0] for line in proxy.heard] == [
            "CONNECT sts.us-east-1.amazonaws.com:443"
        ]


SPELLINGS = st.sampled_from([*direct.NONE_AT_ALL, "HTTP_PROXY", "https_proxy", "All_Proxy", "ftp_proxy"])


@given(environ=st.dictionaries(SPELLINGS | st.sampled_from(["PATH", "PROXY", "HOME"]), st.text()))
def test_an_environment_without_proxies_keeps_the_rest(environ: dict[str, str]) -> None:
    made = direct.without_proxies(environ)
    others = {name: value for name, value in environ.items() if not name.lower().endswith("_proxy")}
    assert made == others | {"NO_PROXY": "*", "no_proxy": "*"}


def test_an_engines_environment_knows_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as proxy:
        proxied(monkeypatch, proxy)
        found = {
            name: value for name, value in HostEngine(4566).environment().items() if "proxy" in name.lower()
        }
    assert found == direct.NONE_AT_ALL


def test_the_cdk_aimed_at_aws_keeps_the_users_proxies() -> None:
    with listener() as proxy:
        assert set(proxy.environment) <= set(cdk.PROXIES)
