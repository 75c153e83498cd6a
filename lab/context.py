"""Stack settings as a command line gives them."""

from lab.errors import LabError


def settings_of(context: list[str] | None) -> dict[str, str]:
    """Settings given as key=value. Raises LabError for anything else."""
    settings: dict[str, str] = {}
    for given in context or []:
        key, found, value = given.partition("=")
        if not found or not key:
            raise LabError(f"-c {given} is not key=value.", "Write it like this: -c batchSize=5")
        settings[key] = value
    return settings
