"""Runs the model for all players, in one thread: their next frames are made together, in one batch."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import torch
from PIL import Image

from engine import NewFrame
from genie_hf import GeniePipeline, GenieWorld
from pictures import to_webp
from refusal import Refusal
from step_request import StepRequest, resolve
from world_session import WorldSession

MAX_BATCH_SIZE = 16  # worlds
WORK_OF_A_THREAD = 100_000_000  # multiplications of a pass that are worth a thread of the CPU


@dataclass(eq=False)
class PreviewRequest:
    """What each action would lead to from the frame `number`."""

    session: WorldSession
    number: int
    future: Future[list[Image.Image] | None] = field(default_factory=Future)
    pieces: Iterator[list[Image.Image] | None] | None = None  # of the work, once the world is at the frame


class BatchEngine:
    """An `Engine` that makes frames in the order of urgency.

    Starts come first, then steps, and previews when there is nothing else to do. Nothing that takes long is done in
    one piece, so nobody waits for more than a batch of frames.

    Args:
        pipe: the world model.
    """

    bursts = None

    def __init__(self, pipe: GeniePipeline):
        self.pipe = pipe
        self.takes_text = pipe.text_to_image is not None
        weights = sum(parameter.numel() for parameter in pipe.dynamics.parameters())
        self._work_of_a_world = pipe.dynamics.config.tokens_per_frame * weights
        self._max_threads = torch.get_num_threads()
        self._starts: deque[tuple[dict, Future]] = deque()
        self._steps: dict[WorldSession, dict[int, StepRequest]] = {}  # by session and number
        self._previews: dict[WorldSession, PreviewRequest] = {}  # a player's latest; the first is in work
        self._work = threading.Condition()
        threading.Thread(target=self._run, daemon=True, name="model").start()

    def start(self, **settings) -> Future[WorldSession]:
        future: Future[WorldSession] = Future()
        with self._work:
            self._starts.append((settings, future))
            self._work.notify()
        return future

    def step(self, session: WorldSession, number: int, parent: int, action: int, roll: int = 0) -> Future[NewFrame]:
        request = StepRequest(session, number, parent, action, roll)
        with self._work:
            request.check(self._steps.get(session, {}))
            self._steps.setdefault(session, {})[number] = request
            self._work.notify()
        return request.future

    def preview(self, session: WorldSession, number: int) -> Future[list[Image.Image] | None]:
        if not 0 <= number < len(session.frames):
            raise Refusal(f"Frame {number} of this world is not made yet. Choose one of its {len(session.frames)}.")
        preview = PreviewRequest(session, number)
        with self._work:
            self._drop_preview(session)
            self._previews[session] = preview
            self._work.notify()
        return preview.future

    def give_up(self, session: WorldSession) -> None:
        with self._work:
            for request in self._steps.pop(session, {}).values():
                request.take_back()

    # The thread of the model

    def _run(self) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._starts or self._ready() or self._previews)
                start = self._starts.popleft() if self._starts else None
                steps = self._ready()
                for request in steps:
                    self._drop_preview(request.session)
                preview = next(iter(self._previews.values()), None)
            if start is not None:
                self._start(*start)
            if steps:
                self._take(steps)
            elif preview is not None:
                self._preview_a_little(preview)

    def _ready(self) -> list[StepRequest]:
        """For each world the step to take next, if it has come; who was served last comes last."""
        ready = (waiting.get(len(session.frames)) for session, waiting in self._steps.items())
        return [request for request in ready if request is not None]

    def _start(self, settings: dict, future: Future) -> None:
        try:
            world = self.pipe.start(**settings)
            resolve(future, WorldSession(world, to_webp(world.frames[0])))
        except Exception as error:
            resolve(future, error)

    def _take(self, steps: list[StepRequest]) -> None:
        """Takes the steps of worlds that are at the parent, as many as fit a batch; brings the others nearer."""
        there = [request for request in steps if self._is_there(request)]
        together = [
            request for request in there if request.session.num_inference_steps == there[0].session.num_inference_steps
        ]
        if together:  # always in the same order: the same worlds are then where the last step left them
            self._take_together(sorted(together[:MAX_BATCH_SIZE], key=lambda request: request.session.token))

    def _is_there(self, request: StepRequest) -> bool:
        try:
            return request.session.approach(request.parent)
        except Exception as error:
            self._fail(request, error)
            return False

    def _take_together(self, steps: list[StepRequest]) -> None:
        """Takes steps in one batch, or if it fails, in two of half the size.

        So a fault stays with the world that has it, and a batch that the memory has no room for becomes one that it
        has.
        """
        began = time.perf_counter()
        self._use_threads(len(steps))
        try:
            images = GenieWorld.step_together(
                worlds=[request.session.world for request in steps],
                actions=[request.action for request in steps],
                rolls=[request.roll for request in steps],
            )
        except Exception as error:
            if len(steps) == 1:
                return self._fail(steps[0], error)
            images = None  # try again only after the error and all that its traceback holds are gone
        if images is None:
            half = len(steps) // 2
            self._take_together(steps[:half])
            self._take_together(steps[half:])
            return
        milliseconds = 1000 * (time.perf_counter() - began)
        for request, image in zip(steps, images, strict=True):
            self._note(request, image, milliseconds)

    def _note(self, request: StepRequest, image: Image.Image, milliseconds: float) -> None:
        try:
            content = to_webp(image)
        except Exception as error:
            return self._fail(request, request.session.lose(error))
        with self._work:
            number = request.session.step_taken(request.action, request.roll, content)
            waiting = self._steps.pop(request.session, {})
            waiting.pop(number, None)
            if waiting:
                self._steps[request.session] = waiting
        resolve(request.future, NewFrame(number, milliseconds))

    def _fail(self, request: StepRequest, error: Exception) -> None:
        resolve(request.future, error)
        self.give_up(request.session)

    def _preview_a_little(self, preview: PreviewRequest) -> None:
        try:
            if preview.pieces is None:
                if preview.session.approach(preview.number):
                    preview.pieces = preview.session.world.previewing()
                return
            self._use_threads(self.pipe.dynamics.config.num_actions)
            result: object = next(preview.pieces)
        except Exception as error:
            result = error
        if result is None:
            return
        with self._work:
            if self._previews.get(preview.session) is preview:
                del self._previews[preview.session]
        resolve(preview.future, result)

    def _use_threads(self, num_worlds: int) -> None:
        """As many as the work is worth; one world leaves a core to the page's own work and to a browser.

        A thread that has to wait for its core holds up all others.
        """
        most = self._max_threads - 1 if num_worlds == 1 else self._max_threads
        threads = num_worlds * self._work_of_a_world // WORK_OF_A_THREAD
        torch.set_num_threads(max(min(threads, most), 1))

    def _drop_preview(self, session: WorldSession) -> None:
        preview = self._previews.pop(session, None)
        if preview is not None:
            resolve(preview.future, None)
