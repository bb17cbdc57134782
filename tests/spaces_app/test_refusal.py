"""What a player is told of an error: one sentence, which says nothing of the server."""

import logging

import pytest
import torch

from refusal import Refusal, to_refusal

WENT_WRONG = "Something went wrong on the server. Press Reset to start again."
NO_MEMORY = "The server has no memory left for this. Try again in a moment."


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (Refusal("A sentence."), {"error": "A sentence."}),
        (Refusal("A sentence.", num_frames=3), {"error": "A sentence.", "num_frames": 3}),
        (Refusal("Expired.", expired=True), {"error": "Expired.", "expired": True}),
        (ValueError("seed is -1; give a number from 0."), {"error": "seed is -1; give a number from 0."}),
        (TimeoutError(), {"error": "The server is very busy. Try again in a moment."}),
        (OSError("/secret/path"), {"error": WENT_WRONG}),
        (IndexError("index out of range"), {"error": WENT_WRONG}),
        (KeyError("world"), {"error": WENT_WRONG}),
        (TypeError("start() got an unexpected keyword argument"), {"error": WENT_WRONG}),
        (ValueError(), {"error": WENT_WRONG}),
        (MemoryError(), {"error": NO_MEMORY}),
        (torch.OutOfMemoryError(), {"error": NO_MEMORY}),
    ],
)
def test_an_error_becomes_one_sentence(error, reply):
    assert to_refusal(error).reply == reply


def test_a_fault_goes_to_the_log_and_a_mistake_does_not(caplog):
    with caplog.at_level(logging.ERROR):
        to_refusal(Refusal("A sentence."))
        to_refusal(ValueError("A sentence."))
        assert not caplog.records
        to_refusal(OSError("/secret/path"))
    assert "/secret/path" in caplog.text
