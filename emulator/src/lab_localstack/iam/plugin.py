"""The entry point of this package."""

from localstack.runtime import hooks

from lab_localstack.settings import SETTINGS


@hooks.on_infra_start()
def check_calls_of_functions() -> None:
    """With `LAB_IAM=enforce`; otherwise no handler is there that could cost time.

    Raises ValueError, which ends the engine, for another value of LAB_IAM.
    """
    if SETTINGS.iam not in ("", "enforce"):
        raise ValueError(f"LAB_IAM={SETTINGS.iam} is not known: use enforce, or leave it out")
    if SETTINGS.enforces_iam:
        from localstack.aws import handlers

        from lab_localstack.iam.enforcement import handle

        handlers.serve_custom_service_request_handlers.append(handle)
