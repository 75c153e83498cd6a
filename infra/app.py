"""The CDK application: four stacks of one environment. Run by the CDK CLI, as `cdk.json` says."""

import os
import sys
from collections.abc import Mapping
from typing import Any, cast

import aws_cdk as cdk

from infra.bundles import BundleError
from infra.settings import SettingError, Settings
from infra.stacks.api import ApiStack
from infra.stacks.functions import FunctionsStack
from infra.stacks.observability import ObservabilityStack
from infra.stacks.queue import QueueStack

LOCAL_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"


def add_stacks(app: cdk.App, settings: Settings, account: str | None, region: str | None) -> None:
    """Put the four stacks into an app. Local ones get LocalStack's account, which no AWS account is."""
    env = cdk.Environment(
        account=LOCAL_ACCOUNT if settings.is_local else account, region=region or DEFAULT_REGION
    )
    queue = QueueStack(app, settings, env)
    functions = FunctionsStack(app, settings, env, queue)
    api = ApiStack(app, settings, env, functions)
    ObservabilityStack(app, settings, env, queue=queue, functions=functions, api=api)


def main() -> None:
    """Synthesize, or say in one line what is wrong and exit with 1."""
    # The library's own template validation takes longer than the rest of a synth; the tests have cfn-lint.
    app = cdk.App(builtin_cloud_formation_validation=False)
    context = cast(Mapping[str, Any], app.node.get_all_context())
    try:
        add_stacks(
            app,
            Settings.from_context(context),
            account=os.environ.get("CDK_DEFAULT_ACCOUNT"),
            region=os.environ.get("CDK_DEFAULT_REGION"),
        )
    except (SettingError, BundleError) as error:
        sys.exit(f"error: {error}")
    app.synth()


if __name__ == "__main__":
    main()
