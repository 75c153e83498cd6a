"""The CDK application of one challenge's stack. It is for local engines alone."""

import sys

import aws_cdk as cdk

from infra.app import DEFAULT_REGION, LOCAL_ACCOUNT
from infra.settings import SettingError
from infra.stacks.challenge import ChallengeStack, World


def main() -> None:
    """Synthesize, or say in one line what is wrong and exit with 1."""
    app = cdk.App(builtin_cloud_formation_validation=False)
    env = cdk.Environment(account=LOCAL_ACCOUNT, region=DEFAULT_REGION)
    try:
        ChallengeStack(app, World.from_context(app.node.get_all_context()), env)
    except SettingError as error:
        sys.exit(f"error: {error}")
    app.synth()


if __name__ == "__main__":
    main()
