"""The one error that is the user's to mend: shown as a message without a traceback, exit code 2.

VolantError        given, allowed, what to do next
"""


class VolantError(Exception):
    """Something given to Volant can't be used; the message says what was given, what is allowed, what to do."""
