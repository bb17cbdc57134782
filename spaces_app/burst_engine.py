"""Runs the model on a GPU that is lent for bursts of play, as on ZeroGPU.

Such a GPU belongs to another process, forked for one call of a function and gone after it. Holding one for each frame
would spend a visitor's quota on waiting, so a burst holds it while keys are pressed: the call is a generator that gets
its steps through memory that both processes share, and hands frames back as they are made.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np
import torch
from PIL import Image

from commands import Commands
from engine import NewFrame
from genie_hf import GeniePipeline
from genie_hf.frames import fit_frames
from genie_hf.play.history import Step
from pictures import to_webp
from session import Session
from step_request import StepRequest, resolve

IDLE_SECONDS = 3  # after the last step the GPU is given back
MAX_SECONDS = 25  # of one call; the GPU is lent for 30
STEP, PREVIEW, END, NOTHING = range(4)


class BurstSession(Session):
    """A session whose world is built anew in each burst, from what it started with.

    Args:
        settings: of [`GeniePipeline.start`].
        image: the first frame as a WebP file.
    """

    def __init__(self, settings: dict, image: bytes):
        super().__init__(image)
        self.settings = settings
        self.waiting: dict[int, StepRequest[BurstSession]] = {}
        self.previewing: Future[list[Image.Image] | None] | None = None
        self.slot: int | None = None  # of `Commands`, while a burst lasts
        self.burst_frame = 0  # the frame that the burst will be at after all commands so far
        self.next_to_send = 0  # the number after the last step that was sent


class BurstEngine:
    """An `Engine` for a GPU that is lent: every step needs a burst of its session, asked for in a queued event.

    Previews are made where a burst is at their frame, and else not at all: a look is not worth a GPU.

    Args:
        pipe: the world model.
        lend: decorates a generator function so that it runs where the GPU is, as `spaces.GPU(duration=30)` does.
    """

    takes_text = False  # a start has no GPU
    max_at_once = 16  # bursts

    def __init__(self, pipe: GeniePipeline, lend: Callable):
        self.pipe = pipe
        self.bursts = self
        self.commands = Commands(self.max_at_once)
        self._free_slots = list(range(self.max_at_once))
        self._lock = threading.RLock()
        self._play_lent = lend(self._play_on_gpu)

    def start(self, **settings) -> Future[BurstSession]:
        future: Future[BurstSession] = Future()
        first = to_picture(fit_frames(settings["image"], self.pipe.video_tokenizer.config.frame_size))
        future.set_result(BurstSession({**settings, "image": first}, to_webp(first)))
        return future

    def step(self, session: BurstSession, number: int, parent: int, action: int, roll: int = 0) -> Future[NewFrame]:
        request = StepRequest(session, number, parent, action, roll)
        with self._lock:
            request.check(session.waiting)
            session.waiting[number] = request
            self._drop_preview(session)
            self._send(session)
        return request.future

    def preview(self, session: BurstSession, number: int) -> Future[list[Image.Image] | None]:
        future: Future[list[Image.Image] | None] = Future()
        with self._lock:
            self._drop_preview(session)
            if session.slot is None or session.waiting or session.burst_frame != number:
                future.set_result(None)
            else:
                session.previewing = future
                self.commands.write(session.slot, PREVIEW)
        return future

    def give_up(self, session: BurstSession) -> None:
        with self._lock:
            waiting, session.waiting = session.waiting, {}
        for request in waiting.values():
            request.take_back()

    # Bursts

    def play(self, session: BurstSession) -> Iterator[None]:
        with self._lock:
            if session.slot is not None:
                self.commands.write(session.slot, NOTHING)  # stay a little
                return
            if not self._free_slots:
                self.give_up(session)
                return
            session.slot = self._free_slots.pop()
        try:
            while True:
                with self._lock:
                    following = session.waiting.get(len(session.frames))
                    start = session.burst_frame = session.current if following is None else following.parent
                    session.next_to_send = len(session.frames)
                    self.commands.clear(session.slot)
                    self._send(session)
                steps = [(step.action.numpy(), step.codes.numpy()) for step in session.steps(start)]
                for reply in self._play_lent(session.slot, session.settings, steps):
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

    def play_waiting(self, session: BurstSession) -> None:
        for _ in self.play(session):
            if not session.waiting:
                return

    # In the page's process

    def _send(self, session: BurstSession) -> None:
        """Passes on the steps that follow one another. One from elsewhere ends the call: the next one starts there."""
        while session.slot is not None and (request := session.waiting.get(session.next_to_send)) is not None:
            if request.parent != session.burst_frame:
                self.commands.write(session.slot, END)
                return
            self.commands.write(session.slot, STEP, request.action, request.roll)
            session.burst_frame, session.next_to_send = request.number, request.number + 1

    def _answer(self, session: BurstSession, reply: tuple) -> None:
        kind, *content = reply
        with self._lock:
            if kind == PREVIEW and session.previewing is not None:
                resolve(session.previewing, content[0])
                session.previewing = None
            if kind == STEP:
                request = session.waiting.pop(len(session.frames), None)
                if request is not None:
                    *arrays, milliseconds = content
                    step = Step(*map(torch.from_numpy, arrays))
                    image = to_webp(to_picture(step.frame[0]))
                    number = session.add(request.parent, request.action, request.roll, step, image)
                    resolve(request.future, NewFrame(number, milliseconds))

    def _drop_preview(self, session: BurstSession) -> None:
        if session.previewing is not None:
            resolve(session.previewing, None)
            session.previewing = None

    def _end(self, session: BurstSession) -> None:
        self._drop_preview(session)
        self._free_slots.append(session.slot)
        session.slot = None

    # Where the GPU is

    def _play_on_gpu(self, slot: int, settings: dict, steps: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple]:
        """Builds the world again from the actions and codes of its steps, and plays it by the commands that come.

        What it yields does not live on the GPU.
        """
        device = self.pipe._execution_device
        world = self.pipe.start(**settings)
        for arrays in steps:
            world.replay(*(torch.from_numpy(array).to(device) for array in arrays))
        began = used = time.monotonic()
        num_read = 0
        while time.monotonic() - used < IDLE_SECONDS and time.monotonic() - began < MAX_SECONDS:
            command = self.commands.read(slot, num_read)
            if command is None:
                time.sleep(0.002)
                continue
            kind, action, roll = command
            num_read += 1
            if kind == END:
                return
            used = time.monotonic()
            if kind == STEP:
                world.step(action, "pt", roll)
                milliseconds = 1000 * (time.monotonic() - used)
                yield STEP, *(tensor.cpu().numpy() for tensor in world.steps[-1]), milliseconds
            if kind == PREVIEW:
                for images in world.previewing():
                    if images is None and self.commands.read(slot, num_read) is not None:
                        break  # a step goes first
                yield PREVIEW, images


def to_picture(frame: torch.Tensor) -> Image.Image:
    """uint8 (3, height, width) as an image."""
    return Image.fromarray(frame.movedim(0, -1).numpy())
