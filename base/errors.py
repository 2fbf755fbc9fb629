"""The one base of every error whose message is all that its user needs."""


class MeshlabError(Exception):
    """What a user can cause: the message says what, where, what was expected and found; the fix says what to do.

    The command line prints both in one line and without a traceback. Any other error is a fault of the program.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message, fix)
        self.message = message
        self.fix = fix
        """What to do about it, a command where there is one; empty where the message says it."""

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message
