"""The one error type that the lab shows to a person."""


class LabError(Exception):
    """Something the user can fix.

    Shown as one line of what is wrong, one line of how to fix it and, where they help, details such as
    the last lines of a log. Commands exit with code 1.
    """

    def __init__(self, what: str, fix: str, details: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.details = details
