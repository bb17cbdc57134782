"""Pushing checkpoints to the Hub while training goes on."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from huggingface_hub.utils.logging import get_verbosity, set_verbosity, set_verbosity_error

from .checkpoints import step_of
from .hub_branch import BRANCH, TrainingBranch, files_to_push

logger = logging.getLogger(__name__)

LAST_PUSH = 10 * 60  # seconds that the end of training waits for it


@dataclass
class Push:
    """A state of the pipeline's folder that is to be pushed.

    Args:
        checkpoint: the folder of its checkpoint.
        files: all that is pushed, by name in the repository.
        has_world: whether the world is finished.
    """

    checkpoint: Path
    files: dict[str, Path | bytes]
    has_world: bool


class Pusher:
    """Pushes checkpoints in a thread: one at a time, and of those that wait meanwhile the newest alone.

    Whatever the Hub answers, training goes on. As a context it waits at its end for the last push.

    Args:
        branch: where to.
        output: the pipeline's folder.
        every: steps from one pushed checkpoint to the next; by default each one is pushed.
        last_push: seconds to wait for the last push.
    """

    def __init__(self, branch: TrainingBranch, output: Path, every: int | None = None, last_push: float = LAST_PUSH):
        self.branch, self.output, self.every, self.last_push = branch, output, every or 1, last_push
        self.changed = threading.Condition()
        self.under_way: Push | None = None
        self.waiting: Push | None = None
        self.failure: Exception | None = None  # of the last push
        self.pushed: dict[str, int] = {}  # the last step of each stage that was to be pushed

    def __enter__(self) -> "Pusher":
        self.bars, self.verbosity = not are_progress_bars_disabled(), get_verbosity()
        disable_progress_bars()  # there is one for training
        set_verbosity_error()  # each try would be told
        threading.Thread(target=self.work, name="pusher", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        if kind is None or issubclass(kind, Exception):
            self.finish()
        set_verbosity(self.verbosity)
        if self.bars:
            enable_progress_bars()

    @property
    def held(self) -> set[Path]:
        """The checkpoints that must not be deleted yet."""
        with self.changed:
            return {push.checkpoint for push in (self.under_way, self.waiting) if push is not None}

    def push(self, stage: str, checkpoint: Path, is_last: bool = False, ended: bool = False) -> None:
        """Has a checkpoint pushed, if it is time to; returns at once.

        Args:
            stage: its name.
            checkpoint: the folder.
            is_last: whether no other one of the stage follows, so that it is pushed in any case.
            ended: whether the stage has saved its models.
        """
        step, stages = step_of(checkpoint), self.branch.stages
        if not is_last and self.failure is None and step - self.pushed.get(stage, 0) < self.every:
            return
        self.pushed[stage] = step
        files = files_to_push(self.output, stages, stage, checkpoint, ended)
        with self.changed:
            self.waiting = Push(checkpoint, files, ended and stage == stages[-1])
            self.changed.notify_all()

    def work(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.waiting is not None)
                self.under_way, self.waiting = self.waiting, None
            failure = self.try_to_push(self.under_way)
            with self.changed:
                if failure is not None and type(failure) is not type(self.failure):
                    logger.warning(
                        "The checkpoint cannot be pushed: %s Training goes on; it is tried again with the next one.",
                        failure,
                    )
                elif failure is None and self.failure is not None:
                    logger.info("Checkpoints can be pushed to %s again.", self.branch.repository)
                self.under_way, self.failure = None, failure
                self.changed.notify_all()

    def try_to_push(self, push: Push) -> Exception | None:
        """What went wrong, if anything: nothing that can happen here is a reason to end training."""
        step, stage = step_of(push.checkpoint), push.checkpoint.parent.name
        try:
            self.branch.push(push.files, f"Step {step} of stage {stage}")
            if push.has_world:
                self.branch.publish_world(self.output)
        except Exception as error:
            return error
        return None

    def finish(self) -> None:
        """Waits until all is pushed, or the time is up."""
        repository, remedy = self.branch.repository, f"push it with --resume --push-to {self.branch.repository}"

        def is_done() -> bool:
            return self.waiting is None and self.under_way is None

        with self.changed:
            if not is_done():
                logger.info("Waiting for the last push to %s, at most %g s.", repository, self.last_push)
            if not self.changed.wait_for(is_done, self.last_push):
                logger.warning(
                    "The last checkpoint was not pushed to %s within %g s, and lies here alone: %s.",
                    *(repository, self.last_push, remedy),
                )
            elif self.failure is not None:
                logger.warning("The last checkpoint lies here alone (%s): %s.", str(self.failure).rstrip("."), remedy)
            elif self.pushed:
                logger.info("The last checkpoint is in the branch %s of %s.", BRANCH, repository)
