"""What stops a command of ours: one sentence that says what is wrong and how to mend it."""

from __future__ import annotations


class StackError(Exception):
    """Something on this machine or in the configuration is not as it must be.

    The text is all that a person sees, without a traceback, so it says what is wrong and how to mend it.
    """
