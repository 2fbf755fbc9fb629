"""The one base of every error whose message is all that its user needs."""


class MeshlabError(Exception):
    """What a user can cause: the message says what, where, what was expected and found, and what to do.

    The command line prints it without a traceback. Any other error is a fault of the program.
    """
