"""Runs the model for all players, in one thread: their next frames are made together, in one batch."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from PIL import Image

from genie_hf import GeniePipeline, GenieWorld
from pictures import to_webp
from sessions import MOST_FRAMES, PlayedSession, Session

MOST_TOGETHER = 16  # worlds in one batch
WORK_OF_A_THREAD = 100_000_000  # multiplications of a pass that are worth a thread of the CPU
MOST_WAITING = 8  # steps of one world


class Made(NamedTuple):
    """A new frame: its number in the session, and how long the model took for its batch."""

    number: int
    milliseconds: float


@dataclass(eq=False)
class Asked:
    """A step that a player asks for: `action` from the frame `parent`, to become the frame `number`."""

    session: Session
    number: int
    parent: int
    action: int
    roll: int
    future: Future = field(default_factory=Future)

    @property
    def num_inference_steps(self) -> int:
        return self.session.world.scheduler.num_inference_steps

    def check(self, waiting: dict[int, "Asked"]) -> None:
        """Raises `ValueError` for a number that is taken, an unknown parent, or too many steps.

        Args:
            waiting: The steps of the session that were asked for before, by number.
        """
        made = len(self.session.frames)
        if self.number >= MOST_FRAMES:
            raise ValueError(f"This world has {MOST_FRAMES} frames, the most that it can have. Start a new one.")
        if self.number < made or self.number in waiting:
            raise ValueError(f"Frame {self.number} of this world is made already. Ask for {made}.", {"made": made})
        if self.number >= made + MOST_WAITING:
            raise ValueError(f"Frame {self.number} is too far ahead. Ask for frame {made} first.")
        if not 0 <= self.parent < self.number:
            raise ValueError(f"Frame {self.parent} of this world is not made yet. Step from one of the {made} before.")


@dataclass(eq=False)
class Preview:
    """What each action would lead to from the frame `number`."""

    session: Session
    number: int
    future: Future = field(default_factory=Future)
    pieces: Iterator | None = None  # of the work, once the world is at the frame


class Engine:
    """Makes frames in the order of urgency: starts, steps, and previews when there is nothing else to do.

    Nothing that takes long is done in one piece, so nobody waits for more than a batch of frames. Every method returns
    at once with a `Future`.

    Args:
        pipe (`GeniePipeline`): The world model.
    """

    def __init__(self, pipe: GeniePipeline):
        self.pipe = pipe
        weights = sum(parameter.numel() for parameter in pipe.dynamics.parameters())
        self._work_of_a_world = pipe.dynamics.config.tokens_per_frame * weights
        self._most_threads = torch.get_num_threads()
        self._starts: deque[tuple[dict, Future]] = deque()
        self._steps: dict[Session, dict[int, Asked]] = {}  # by session and number
        self._previews: dict[Session, Preview] = {}  # a player's latest; the first is in work
        self._work = threading.Condition()
        threading.Thread(target=self._run, daemon=True, name="model").start()

    def start(self, **settings) -> Future:
        """A new world.

        Args:
            settings: Of [`GeniePipeline.start`].

        Returns:
            `Future` of a `Session`.
        """
        future = Future()
        with self._work:
            self._starts.append((settings, future))
            self._work.notify()
        return future

    def step(self, session: Session, number: int, parent: int, action: int, roll: int = 0) -> Future:
        """The next frame of a world.

        Requests may overtake one another on their way: `number` says which frame this will be, and the step waits for
        the ones before.

        Returns:
            `Future` of `Made`.

        Raises:
            ValueError: For a number that is taken, an unknown parent, or too many steps.
        """
        asked = Asked(session, number, parent, action, roll)
        with self._work:
            asked.check(self._steps.get(session, {}))
            self._steps.setdefault(session, {})[number] = asked
            self._work.notify()
        return asked.future

    def preview(self, session: Session, number: int) -> Future:
        """What each action would lead to from a frame; `None` if the player moves on before it is done.

        Returns:
            `Future` of a list of PIL images, one for each action, or `None`.

        Raises:
            ValueError: For a frame that does not exist.
        """
        if not 0 <= number < len(session.frames):
            raise ValueError(f"Frame {number} of this world is not made yet. Choose one of its {len(session.frames)}.")
        preview = Preview(session, number)
        with self._work:
            self._drop_preview(session)
            self._previews[session] = preview
            self._work.notify()
        return preview.future

    def give_up(self, session: Session) -> None:
        """Takes back the steps of a world that still wait, because one before them has failed or never came."""
        with self._work:
            for asked in self._steps.pop(session, {}).values():
                settle(asked.future, ValueError("A step before this one was lost. Try again."))

    # The thread of the model

    def _run(self) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._starts or self._ready() or self._previews)
                start = self._starts.popleft() if self._starts else None
                steps = self._ready()
                for asked in steps:
                    self._drop_preview(asked.session)
                preview = next(iter(self._previews.values()), None)
            if start is not None:
                self._start(*start)
            if steps:
                self._take(steps)
            elif preview is not None:
                self._preview_a_little(preview)

    def _ready(self) -> list[Asked]:
        """For each world the step to take next, if it has come; who was served last comes last."""
        ready = (waiting.get(len(session.frames)) for session, waiting in self._steps.items())
        return [asked for asked in ready if asked is not None]

    def _start(self, settings: dict, future: Future) -> None:
        try:
            world = self.pipe.start(**settings)
            settle(future, PlayedSession(world, to_webp(world.frames[0])))
        except Exception as error:
            settle(future, error)

    def _take(self, steps: list[Asked]) -> None:
        """Takes the steps of worlds that are at the parent, as many as fit a batch; brings the others nearer."""
        there = [asked for asked in steps if self._is_there(asked)]
        together = [asked for asked in there if asked.num_inference_steps == there[0].num_inference_steps]
        if together:  # always in the same order: the same worlds are then where the last step left them
            self._take_together(sorted(together[:MOST_TOGETHER], key=lambda asked: asked.session.token))

    def _is_there(self, asked: Asked) -> bool:
        try:
            return asked.session.approach(asked.parent)
        except Exception as error:
            self._fail(asked, error)
            return False

    def _take_together(self, steps: list[Asked]) -> None:
        """Takes steps in one batch. If it fails, in two of half the size: a fault stays with the world that has it,
        and a batch that the memory has no room for becomes one that it has."""
        began = time.perf_counter()
        self._use_threads(len(steps))
        try:
            images = GenieWorld.step_together(
                worlds=[asked.session.world for asked in steps],
                actions=[asked.action for asked in steps],
                rolls=[asked.roll for asked in steps],
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
        for asked, image in zip(steps, images, strict=True):
            self._note(asked, image, milliseconds)

    def _note(self, asked: Asked, image: Image.Image, milliseconds: float) -> None:
        try:
            content = to_webp(image)
        except Exception as error:
            return self._fail(asked, asked.session.lose(error))
        with self._work:
            number = asked.session.step_taken(asked.action, asked.roll, content)
            waiting = self._steps.pop(asked.session, {})
            waiting.pop(number, None)
            if waiting:
                self._steps[asked.session] = waiting
        settle(asked.future, Made(number, milliseconds))

    def _fail(self, asked: Asked, error: Exception) -> None:
        settle(asked.future, error)
        self.give_up(asked.session)

    def _preview_a_little(self, preview: Preview) -> None:
        try:
            if preview.pieces is None:
                if preview.session.approach(preview.number):
                    preview.pieces = preview.session.world.previewing()
                return
            self._use_threads(self.pipe.dynamics.config.num_actions)
            result = next(preview.pieces)
        except Exception as error:
            result = error
        if result is None:
            return
        with self._work:
            if self._previews.get(preview.session) is preview:
                del self._previews[preview.session]
        settle(preview.future, result)

    def _use_threads(self, num_worlds: int) -> None:
        """A small world alone is as fast on one thread, and keeps its pace where others need the cores too."""
        threads = num_worlds * self._work_of_a_world // WORK_OF_A_THREAD
        torch.set_num_threads(min(max(threads, 1), self._most_threads))

    def _drop_preview(self, session: Session) -> None:
        preview = self._previews.pop(session, None)
        if preview is not None:
            settle(preview.future, None)


def settle(future: Future, result: object) -> None:
    """Gives a future its result or error, unless it has one or nobody waits any more."""
    with contextlib.suppress(InvalidStateError):
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
