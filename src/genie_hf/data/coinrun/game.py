"""Playing one level."""

import contextlib
import io

import numpy as np

from .policies import POLICIES

FRAME_SIZE = 64
FRAMES_PER_ROW = 64


def import_procgen():
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # gym announces there that it is no longer maintained
            import procgen
    except ImportError as error:
        raise ImportError("Recording CoinRun needs Procgen: run `pip install genie-hf[coinrun]`.") from error
    return procgen


def play_level(level_seed, steps, mode, policy, seed, frame_skip):
    """Play one level for `steps` decisions (a frame seen, then a button held); returns the rows of its chunks."""
    buttons = POLICIES[policy](np.random.default_rng([seed, level_seed]), steps)
    frames = np.empty((steps, FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8)
    starts = []
    # num_levels=1: every episode of this environment is on this level.
    env = import_procgen().ProcgenGym3Env(
        1, "coinrun", distribution_mode=mode, start_level=level_seed, num_levels=1, num_threads=0, rand_seed=0
    )
    for step, button in enumerate(buttons):
        _, observation, first = env.observe()
        frames[step] = observation["rgb"][0]
        if first[0]:
            starts.append(step)
        hold(env, button, frame_skip)
    env.close()
    return list(chunks(frames, buttons, starts, level_seed, policy))


def hold(env, button, frame_skip):
    """Press a button for `frame_skip` steps, or until the episode ends: the next one begins with its own button."""
    for _ in range(frame_skip):
        env.act(np.array([button]))
        if env.observe()[2][0]:
            break


def chunks(frames, buttons, starts, level_seed, policy):
    """The rows of episodes that begin at the steps `starts`."""
    for episode, (start, end) in enumerate(zip(starts, [*starts[1:], len(frames)], strict=True)):
        for chunk in range(start, end, FRAMES_PER_ROW):
            chunk_end = min(chunk + FRAMES_PER_ROW, end)
            yield {
                "frames": frames[chunk:chunk_end].tobytes(),
                "num_frames": chunk_end - chunk,
                "height": FRAME_SIZE,
                "width": FRAME_SIZE,
                "actions": buttons[chunk:chunk_end],
                "level_seed": level_seed,
                "episode": episode,
                "start": chunk - start,
                "policy": policy,
            }
