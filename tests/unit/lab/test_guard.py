"""Nothing local may reach a real AWS account."""

import pytest

from lab.engines import clients as aws
from lab.errors import LabError


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_PROFILE": "production"},
        {"AWS_SESSION_TOKEN": "token"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"},
        {"AWS_ACCESS_KEY_ID": "AKIA" + "A" * 16},
        {"AWS_ACCESS_KEY_ID": "ASIA" + "A" * 16},
    ],
    ids=lambda environment: next(iter(environment)),
)
def test_real_credentials_are_taken_out_of_the_environment_and_named_once(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (name, value), *_ = environment.items()
    environment |= {"HOME": "/home/somebody"}
    aws.set_aside_real_credentials(environment)
    aws.set_aside_real_credentials(environment)
    assert environment == {"HOME": "/home/somebody"}
    told = capsys.readouterr().err
    assert told.count(name) == 1
    assert value not in told


def test_the_secret_of_a_real_key_goes_with_it() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "AKIA" + "A" * 16, "AWS_SECRET_ACCESS_KEY": "s"}
    aws.set_aside_real_credentials(environment)
    assert environment == {}


@pytest.mark.parametrize("environment", [{}, {"AWS_ACCESS_KEY_ID": "test"}, {"AWS_REGION": "eu-central-1"}])
def test_an_environment_without_real_credentials_stays_as_it_is(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(environment)
    aws.set_aside_real_credentials(environment)
    assert environment == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "endpoint", ["https://sqs.us-east-1.amazonaws.com", "http://192.0.2.1:4566", "nonsense"]
)
def test_an_endpoint_off_loopback_is_refused(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*aws.REAL_CREDENTIALS, "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("socket.getaddrinfo", lambda host, _port: [(0, 0, 0, "", ("192.0.2.1", 0))])
    with pytest.raises(LabError, match="not on this machine's loopback"):
        aws.local(endpoint)


def test_an_endpoint_that_does_not_answer_is_one_line_with_the_fix() -> None:
    with pytest.raises(LabError, match="does not answer") as raised:
        aws.local("http://127.0.0.1:1")
    assert raised.value.fix == "Run: make up"


@pytest.mark.parametrize("variable", ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"])
def test_a_profile_that_is_not_there_has_no_say_in_clients_of_the_engine(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "no-such")
    monkeypatch.setattr(aws, "set_aside_real_credentials", lambda _environment: None)
    with pytest.raises(LabError, match="does not answer"):
        aws.local("http://127.0.0.1:1")
