"""Runs the model on a GPU that is lent for bursts of play, as on ZeroGPU.

Such a GPU belongs to another process, forked for one call of a function and gone after it. Holding one for each frame
would spend a visitor's quota on waiting, so a burst holds it while keys are pressed: the call is a generator that gets
its steps through memory that both processes share, and hands frames back as they are made.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np
import torch

from engine import Asked, Made, settle
from genie_hf import GeniePipeline
from genie_hf.frames import fit_frames, to_output
from genie_hf.play.history import Step
from pictures import to_webp
from sessions import Session

PLAYERS = 16  # bursts at once
IDLE_SECONDS = 3  # after the last step the GPU is given back
LONGEST_SECONDS = 25  # of one call; the GPU is lent for 30
STEP, PREVIEW, END, NOTHING = range(4)


class Commands:
    """What the page tells the process that holds the GPU: a ring of whole numbers in shared memory for each player.

    Made before the fork; one side writes, the other reads.
    """

    LENGTH, WIDTH = 64, 3

    def __init__(self):
        self._numbers = multiprocessing.get_context("fork").Array(
            "q", PLAYERS * (1 + self.LENGTH * self.WIDTH), lock=False
        )

    def clear(self, player: int) -> None:
        self._numbers[self._first(player)] = 0

    def write(self, player: int, kind: int, action: int = 0, roll: int = 0) -> None:
        first = self._first(player)
        count = self._numbers[first]
        at = first + 1 + count % self.LENGTH * self.WIDTH
        self._numbers[at : at + self.WIDTH] = [kind, action, roll]
        self._numbers[first] = count + 1  # last, so that a command is read whole

    def read(self, player: int, done: int) -> tuple[int, int, int] | None:
        """The command after the first `done`, or None if it has not come."""
        first = self._first(player)
        if self._numbers[first] == done:
            return None
        at = first + 1 + done % self.LENGTH * self.WIDTH
        return tuple(self._numbers[at : at + self.WIDTH])

    def _first(self, player: int) -> int:
        return player * (1 + self.LENGTH * self.WIDTH)


class LentSession(Session):
    """A session whose world is built anew in each burst, from what it started with.

    Args:
        settings: Of [`GeniePipeline.start`].
        image (`bytes`): The first frame as a WebP file.
    """

    def __init__(self, settings: dict, image: bytes):
        super().__init__(image)
        self.settings = settings
        self.waiting: dict[int, Asked] = {}
        self.previewing: tuple[int, Future] | None = None
        self.player: int | None = None  # of `Commands`, while a burst lasts
        self.place = 0  # the frame that the burst will be at after all commands so far
        self.sent = 0  # the number after the last step that was sent


class BurstEngine:
    """As `Engine`, for a GPU that is lent: every step needs a `burst` of its session, asked for in a queued event.

    Args:
        pipe (`GeniePipeline`): The world model.
        lend: Decorates a generator function so that it runs where the GPU is, as `spaces.GPU(duration=30)` does.
    """

    def __init__(self, pipe: GeniePipeline, lend: Callable):
        self.pipe = pipe
        self.commands = Commands()
        self._free = list(range(PLAYERS))
        self._lock = threading.RLock()
        self._play = lend(self._play_on_gpu)

    def start(self, image, seed: int, num_inference_steps: int) -> Future:
        """A new world. This needs no GPU yet: its first frame is the picture."""
        future = Future()
        first = to_output(fit_frames(image, self.pipe.video_tokenizer.config.frame_size), "pil")
        settings = {"image": first, "seed": seed, "num_inference_steps": num_inference_steps}
        future.set_result(LentSession(settings, to_webp(first)))
        return future

    def step(self, session: LentSession, number: int, parent: int, action: int, roll: int = 0) -> Future:
        """As `Engine.step`."""
        asked = Asked(session, number, parent, action, roll)
        with self._lock:
            asked.check(session.waiting)
            session.waiting[number] = asked
            self._drop_preview(session)
            self._send(session)
        return asked.future

    def preview(self, session: LentSession, number: int) -> Future:
        """As `Engine.preview`, but `None` as well where no burst is at that frame: a look is not worth a GPU."""
        future = Future()
        with self._lock:
            self._drop_preview(session)
            if session.player is None or session.waiting or session.place != number:
                future.set_result(None)
            else:
                session.previewing = (number, future)
                self.commands.write(session.player, PREVIEW)
        return future

    def give_up(self, session: LentSession) -> None:
        """As `Engine.give_up`."""
        with self._lock:
            waiting, session.waiting = session.waiting, {}
        for asked in waiting.values():
            settle(asked.future, ValueError("A step before this one was lost. Try again."))

    def burst(self, session: LentSession) -> Iterator[None]:
        """Plays what the session asks for until it rests; yields after each answer. One burst a session."""
        with self._lock:
            if session.player is not None:
                self.commands.write(session.player, NOTHING)  # stay a little
                return
            if not self._free:
                self.give_up(session)
                return
            session.player = self._free.pop()
        try:
            while True:
                with self._lock:
                    following = session.waiting.get(len(session.frames))
                    start = session.place = session.at if following is None else following.parent
                    session.sent = len(session.frames)
                    self.commands.clear(session.player)
                    self._send(session)
                steps = [(step.action.numpy(), step.codes.numpy()) for step in session.steps(start)]
                for reply in self._play(session.player, session.settings, steps):
                    self._answer(session, reply)
                    yield
                with self._lock:
                    if len(session.frames) not in session.waiting:
                        self._end(session)
                        return
        except BaseException:
            with self._lock:
                self._end(session)
            self.give_up(session)
            raise

    def make_waiting(self, session: LentSession) -> None:
        """A burst for the steps that wait now, and not a moment longer."""
        for _ in self.burst(session):
            if not session.waiting:
                return

    # In the page's process

    def _send(self, session: LentSession) -> None:
        """Passes on the steps that follow one another. One from elsewhere ends the call: the next one starts there."""
        while session.player is not None and (asked := session.waiting.get(session.sent)) is not None:
            if asked.parent != session.place:
                self.commands.write(session.player, END)
                return
            self.commands.write(session.player, STEP, asked.action, asked.roll)
            session.place, session.sent = asked.number, asked.number + 1

    def _answer(self, session: LentSession, reply: tuple) -> None:
        kind, *content = reply
        with self._lock:
            if kind == PREVIEW and session.previewing is not None:
                _, future = session.previewing
                session.previewing = None
                settle(future, content[0])
            if kind == STEP:
                asked = session.waiting.pop(len(session.frames), None)
                if asked is not None:
                    *arrays, milliseconds = content
                    step = Step(*map(torch.from_numpy, arrays))
                    image = to_webp(to_output(step.frame[0], "pil"))
                    number = session.add(asked.parent, asked.action, asked.roll, step, image)
                    settle(asked.future, Made(number, milliseconds))

    def _drop_preview(self, session: LentSession) -> None:
        if session.previewing is not None:
            settle(session.previewing[1], None)
            session.previewing = None

    def _end(self, session: LentSession) -> None:
        self._drop_preview(session)
        self._free.append(session.player)
        session.player = None

    # Where the GPU is

    def _play_on_gpu(self, player: int, settings: dict, steps: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple]:
        """Builds the world again and plays it by the commands that come; yields nothing that lives on the GPU."""
        device = self.pipe._execution_device
        world = self.pipe.start(**settings)
        for arrays in steps:
            world.redo([Step(*(torch.from_numpy(array).to(device) for array in arrays), frame=None)])
        began = used = time.monotonic()
        done = 0
        while time.monotonic() - used < IDLE_SECONDS and time.monotonic() - began < LONGEST_SECONDS:
            command = self.commands.read(player, done)
            if command is None:
                time.sleep(0.002)
                continue
            kind, action, roll = command
            done += 1
            if kind == END:
                return
            used = time.monotonic()
            if kind == STEP:
                world.step(action, "pt", roll)
                milliseconds = 1000 * (time.monotonic() - used)
                yield STEP, *(tensor.cpu().numpy() for tensor in world.steps[-1]), milliseconds
            if kind == PREVIEW:
                for images in world.previewing():
                    if images is None and self.commands.read(player, done) is not None:
                        break  # a step goes first
                yield PREVIEW, images
