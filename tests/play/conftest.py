"""Worlds of the tiny pipeline, and how to play them."""

import pytest

STEPS = 3  # MaskGIT steps a frame


@pytest.fixture
def start(tiny_pipeline, clips):
    def start(images=clips[0, 0], **settings):
        return tiny_pipeline.start(images, **{"num_inference_steps": STEPS} | settings)

    return start


@pytest.fixture
def play():
    def play(world, actions):
        for action in actions:
            world.step(action)
        return world

    return play
