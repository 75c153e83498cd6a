"""Nobody outside is asked for anything: neither the engine nor a function looks for credentials or names elsewhere."""

import os

from localstack.runtime import hooks

NO_METADATA = {"AWS_EC2_METADATA_DISABLED": "true"}
"""Keeps AWS's SDKs from asking an instance's metadata service at 169.254.169.254."""
NO_FILES = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
"""Keeps them from profiles, which may name other sources, programs or single sign-on."""
OTHER_SOURCES = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


@hooks.on_infra_start(priority=100)
def ask_nobody_outside() -> None:
    """Let the libraries in this process find what they were given, or nothing: moto looks for more than it needs."""
    from lab_localstack.corrections import patches

    for name in OTHER_SOURCES:
        os.environ.pop(name, None)
    os.environ.update(NO_METADATA | NO_FILES)
    patches.look_up_no_name_of_s3()
