"""Settings: what is accepted, what is refused and how it is said."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from infra.bundles import ROOT
from infra.settings import SETTINGS, SettingError, Settings, host_architecture

CDK_JSON = ROOT / "infra" / "cdk.json"


def test_cdk_json_keeps_no_setting_and_passes_with_the_keys_that_cdk_itself_adds() -> None:
    context = json.loads(CDK_JSON.read_text())["context"]
    added = {"aws:cdk:enable-path-metadata": True, "availability-zones:account=1:region=x": ["a"]}
    assert not context.keys() & SETTINGS.keys()
    assert Settings.from_context(context | added) == Settings.from_context({})


def test_every_setting_has_a_meaning_and_a_local_default_that_obeys_its_rule() -> None:
    for setting in SETTINGS.values():
        assert setting.meaning.endswith(".")
        setting.rule.parse(setting.default)
        setting.rule.parse(setting.sample)
        if setting.local is not None:
            setting.rule.parse(setting.local)


def test_the_local_profile_divides_the_times_by_six() -> None:
    aws, local = Settings.from_context({}), Settings.from_context({"profile": "local"})
    for time in (
        "worker_timeout_seconds",
        "queue_visibility_seconds",
        "retry_base_seconds",
        "retry_cap_seconds",
    ):
        assert getattr(local, time) * 6 == getattr(aws, time)
    assert local.visibility_margin_seconds * 6 == aws.visibility_margin_seconds
    assert local.alarm_period_seconds * 6 == aws.alarm_period_seconds


def test_the_local_profile_builds_for_this_machine() -> None:
    assert Settings.from_context({"profile": "local"}).architecture == host_architecture()


@pytest.mark.parametrize("timeout", [30, "30"], ids=["kept in cdk.json", "typed with -c"])
def test_a_chosen_value_wins_over_the_local_default_also_where_it_is_the_aws_default(timeout: object) -> None:
    assert Settings.from_context({"profile": "local"}).worker_timeout_seconds == 5
    chosen = {"profile": "local", "workerTimeoutSeconds": timeout, "queueVisibilitySeconds": "180"}
    assert Settings.from_context(chosen).worker_timeout_seconds == 30


@pytest.mark.parametrize("profile", ["aws", "local"])
def test_a_value_kept_in_cdk_json_counts_as_chosen_in_both_profiles(profile: str) -> None:
    kept = {"profile": profile, "queueVisibilitySeconds": 240}
    assert Settings.from_context(kept).queue_visibility_seconds == 240


def test_a_null_in_cdk_json_chooses_nothing() -> None:
    assert (
        Settings.from_context({"profile": "local", "workerTimeoutSeconds": None}).worker_timeout_seconds == 5
    )


def test_an_empty_value_unsets_an_optional_setting() -> None:
    assert Settings.from_context({"workerMaxConcurrency": "", "faultSeed": ""}).worker_max_concurrency is None


@pytest.mark.parametrize(
    ("context", "visibility"),
    [
        pytest.param({"workerTimeoutSeconds": "30"}, 180, id="six-timeouts"),
        pytest.param({"workerTimeoutSeconds": "3"}, 33, id="timeout-plus-30"),
        pytest.param({"batchSize": "11"}, 181, id="six-timeouts-and-the-window"),
        pytest.param({"batchSize": "10"}, 180, id="six-timeouts-without-a-window"),
        pytest.param({"profile": "local", "workerTimeoutSeconds": "5"}, 30, id="local-six-timeouts"),
        pytest.param({"profile": "local", "workerTimeoutSeconds": "1"}, 6, id="local-timeout-plus-5"),
    ],
)
def test_the_visibility_timeout_must_cover_six_worker_timeouts_with_the_window_and_the_margin(
    context: dict[str, str], visibility: int
) -> None:
    assert Settings.from_context(context | {"queueVisibilitySeconds": str(visibility)})
    with pytest.raises(SettingError) as refused:
        Settings.from_context(context | {"queueVisibilitySeconds": str(visibility - 1)})
    assert f"at least {visibility} s" in str(refused.value)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"envName": "Dev"}, "envName=Dev: must be 1 to 20 of a-z, 0-9 and -. Example: -c envName=dev"),
        ({"envName": "a" * 21}, "envName=aaaaaaaaaaaaaaaaaaaaa: must be 1 to 20"),
        ({"envName": ""}, "envName=: must be 1 to 20"),
        ({"envNam": "dev"}, "envNam=dev: is no setting; the closest is envName. Example: -c envName=dev"),
        ({"profile": "prod"}, "profile=prod: must be aws or local. Example: -c profile=aws"),
        ({"maxReceiveCount": "0"}, "maxReceiveCount=0: must be a whole number from 1 to 1000"),
        (
            {"batchSize": "ten"},
            "batchSize=ten: must be a whole number from 1 to 10000. Example: -c batchSize=10",
        ),
        ({"batchSize": 2.5}, "batchSize=2.5: must be a whole number"),
        ({"batchSize": True}, "batchSize=true: must be a whole number"),
        ({"workerTimeoutSeconds": "901"}, "workerTimeoutSeconds=901: must be a whole number from 1 to 900"),
        (
            {"workerMaxConcurrency": "1"},
            "workerMaxConcurrency=1: must be a whole number from 2 to 1000, or empty",
        ),
        ({"useKmsCmk": "yes"}, "useKmsCmk=yes: must be true or false. Example: -c useKmsCmk=false"),
        ({"alarmEmail": "nobody"}, "alarmEmail=nobody: must be an e-mail address"),
        ({"ttlDays": "0"}, "ttlDays=0: must be a whole number from 1 to 365"),
        ({"breakerStrategy": "panic"}, "breakerStrategy=panic: must be none, defer or pause"),
        ({"architecture": "sparc"}, "architecture=sparc: must be x86_64 or arm64"),
        ({"logRetentionDays": "8"}, "logRetentionDays=8: must be one of 1, 3, 5, 7, 14"),
        ({"alarmPeriodSeconds": "45"}, "alarmPeriodSeconds=45: must be 10, 30 or a multiple of 60"),
        ({"retryCapSeconds": "2"}, "retryCapSeconds=2: must not be below retryBaseSeconds=6"),
        (
            {"sendBatchBytes": "2000000"},
            "sendBatchBytes=2000000: must be a whole number from 1024 to 1048576",
        ),
        ({"corsAllowOrigins": "example.com"}, "corsAllowOrigins=example.com: must be * or origins such as"),
        ({"bundlePlatform": "host"}, "bundlePlatform=host: needs profile=local"),
        (
            {"profile": "local", "deploymentStrategy": "canary"},
            "deploymentStrategy=canary: needs profile=aws",
        ),
        ({"ingestAuth": "basic"}, "ingestAuth=basic: must be none, jwt or iam"),
        ({"envName": "prod"}, "ingestAuth=none: must be jwt or iam in prod: anybody could post orders"),
        ({"profile": "local", "ingestAuth": "iam"}, "ingestAuth=iam: needs profile=aws"),
        ({"ingestAuth": "jwt", "jwtIssuer": "https://i"}, "jwtAudience=: is needed for ingestAuth=jwt"),
        ({"ingestAuth": "jwt", "jwtAudience": "orders"}, "jwtIssuer=: is needed for ingestAuth=jwt"),
        (
            {"ingestAuth": "iam", "jwtIssuer": "https://i"},
            "ingestAuth=iam: must be jwt for jwtIssuer=https://i",
        ),
        (
            {"envName": "prod", "ingestAuth": "iam"},
            "alarmEmail=devops@example.com: must be somebody's address in prod",
        ),
        (
            {"envName": "prod", "ingestAuth": "iam", "alarmEmail": "me@mail.example.org"},
            "alarmEmail=me@mail.example.org: must be somebody's address in prod",
        ),
        (
            {"workerTimeoutSeconds": "60"},
            "queueVisibilitySeconds=180: must be at least 360 s for workerTimeoutSeconds=60",
        ),
    ],
    ids=str,
)
def test_a_bad_value_is_refused_in_one_line_with_its_rule_and_a_way_out(
    context: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_context(context)
    assert said in str(refused.value)
    assert "Example: -c " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_local_environment_of_any_name_may_keep_the_default_address_and_take_orders_from_anybody() -> None:
    local = Settings.from_context({"profile": "local", "envName": "prod"})
    assert (local.ingest_auth, local.alarm_email) == ("none", "devops@example.com")


def test_the_chosen_settings_are_those_beside_the_profile_s_defaults() -> None:
    given = {"envName": "prod", "ingestAuth": "iam", "alarmEmail": "a@orders.company", "useKmsCmk": "true"}
    assert Settings.from_context(given | {"batchSize": "10"}).chosen == {
        "alarmEmail": "a@orders.company",
        "ingestAuth": "iam",
        "useKmsCmk": "true",
    }
    assert Settings.from_context({"profile": "local", "alarmPeriodSeconds": "10"}).chosen == {}


def test_the_application_stops_with_that_line_and_no_traceback() -> None:
    environment = os.environ | {"CDK_CONTEXT_JSON": '{"batchSize": "many"}', "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-O", "-m", "infra.app"],
        cwd=ROOT / "infra",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error: batchSize=many: must be a whole number from 1 to 10000" in done.stderr
    assert "Traceback" not in done.stderr
