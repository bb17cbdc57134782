"""Why a request cannot be served, in one sentence for the player; no web framework in sight."""

import logging

import torch

log = logging.getLogger(__name__)


class Refusal(Exception):
    """A request that cannot be served.

    Args:
        sentence: what the player is told.
        **details: what the page's script goes by besides: `expired`, that the session is no more; `num_frames`, how
            many frames the session has.
    """

    def __init__(self, sentence: str, **details: bool | int):
        super().__init__(sentence)
        self.details = details

    @property
    def reply(self) -> dict:
        """As the page's script gets it."""
        return {"error": str(self), **self.details}


def to_refusal(error: Exception) -> Refusal:
    """What a player is told of any error. One that is nobody's mistake, but a fault, goes to the log.

    genie_hf raises a `ValueError` with a sentence for what its user can put right.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ValueError) and error.args:
        return Refusal(str(error.args[0]))
    if isinstance(error, TimeoutError):
        return Refusal("The server is very busy. Try again in a moment.")
    log.error("a request failed", exc_info=error)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return Refusal("The server has no memory left for this. Try again in a moment.")
    return Refusal("Something went wrong on the server. Press Reset to start again.")
