"""What the tests raise in the midst of a run."""


class Killed(BaseException):
    """Ends a run as a kill does: nothing catches it."""
