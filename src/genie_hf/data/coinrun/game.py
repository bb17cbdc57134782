"""Playing one level."""

import contextlib
import functools
import gc
import io

import numpy as np

from .policies import POLICIES

FRAME_SIZE = 64
FRAMES_PER_ROW = 64
TIME_LIMIT = 1000
"""Steps of the game after which it ends an episode."""


def import_procgen():
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # gym announces there that it is no longer maintained
            import procgen
    except ImportError as error:
        raise ImportError("Recording CoinRun needs Procgen: run `pip install genie-hf[coinrun]`.") from error
    return procgen


@functools.cache
def keep_loaded():
    """A game that stays open: once none is, Procgen unloads, and reads all its pictures again for the next (80 ms)."""
    return import_procgen().ProcgenGym3Env(1, "coinrun", num_threads=0, rand_seed=0)


@contextlib.contextmanager
def nothing_collected():
    """A game that is forgotten closes itself, once it is collected. While another opens, both would wait for ever."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Level:
    """A game whose every episode is on one level, or several copies of it that are played side by side.

    Attributes:
        frame: what is seen.
        is_first: whether it is the first of an episode.
        is_over: whether the game ended the episode before, by a coin or a death and not by the clock.
    """

    def __init__(self, level_seed, mode, frame_skip, num_copies=1):
        self.level_seed, self.mode, self.frame_skip = level_seed, mode, frame_skip
        keep_loaded()
        # With num_levels=1 every episode is on the level start_level.
        options = {"distribution_mode": mode, "start_level": level_seed, "num_levels": 1}
        with nothing_collected():
            self.env = import_procgen().ProcgenGym3Env(num_copies, "coinrun", num_threads=0, rand_seed=0, **options)
        self.is_over, self.age = False, 0
        self.observe()

    def observe(self):
        reward, observation, first = self.env.observe()
        self.frame, self.is_first = observation["rgb"][0], first[0]
        return reward[0]

    def hold(self, button):
        """Press a button for `frame_skip` steps, or until the episode ends: the next starts with its own button.

        Returns the reward.
        """
        reward = 0.0
        for _ in range(self.frame_skip):
            self.env.act(np.array([button]))
            reward += self.observe()
            self.age += 1
            if self.is_first:
                self.is_over, self.age = self.age < TIME_LIMIT or reward > 0, 0
                break
        return reward

    def copies(self, number):
        return Level(self.level_seed, self.mode, self.frame_skip, number)

    def close(self):
        self.env.close()


def play_level(level_seed, steps, mode, policy, seed, frame_skip):
    """Play one level for `steps` decisions (a frame seen, then a button held); returns the rows of its chunks."""
    level = Level(level_seed, mode, frame_skip)
    player = POLICIES[policy](np.random.default_rng([seed, level_seed]), steps, level)
    buttons = np.empty(steps, dtype=np.uint8)
    frames = np.empty((steps, FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8)
    rewards, ends = np.empty(steps, dtype=np.float32), np.empty(steps, dtype=bool)
    starts = []
    for step, button in zip(range(steps), player, strict=False):
        frames[step], buttons[step] = level.frame, button
        if level.is_first:
            starts.append(step)
        rewards[step] = level.hold(button)
        ends[step] = level.is_first and level.is_over
    level.close()
    return list(chunks(frames, buttons, rewards, ends, starts, level_seed, policy))


def chunks(frames, buttons, rewards, ends, starts, level_seed, policy):
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
                "rewards": rewards[chunk:chunk_end],
                "ends": ends[chunk:chunk_end],
                "level_seed": level_seed,
                "episode": episode,
                "start": chunk - start,
                "policy": policy,
            }
