"""How far a run has come, and how it says so."""

import copy
from collections.abc import Iterator

from torch import Tensor

from .recipe import StageRecipe


class Progress:
    """How far a run has come: part of a checkpoint.

    `seconds` are all that the stage has taken. `sums` are the terms since the last line of metrics, `summed_seconds`
    the time that went into those steps.

    The terms of a step lie on the device until they are read: reading waits until the device has computed them, and
    meanwhile nobody gives it more to do.
    """

    def __init__(self):
        self.step, self.seconds = 0, 0.0
        self.reset_sums()
        self.unread: list[tuple[list[str], Tensor]] = []

    def reset_sums(self):
        self.sums, self.summed_steps, self.summed_seconds, self.summed_wait = {}, 0, 0.0, 0.0

    def add(self, names: list[str], terms: Tensor, wait: float) -> None:
        """Takes note of a step with these `terms`, one value for each of `names`, that waited `wait` s for data."""
        self.step += 1
        self.unread.append((names, terms))
        self.summed_wait += wait

    def read(self) -> Iterator[tuple[int, dict[str, float]]]:
        """The number and the terms of each step that has not been read yet."""
        unread, self.unread = self.unread, []
        for number, (names, values) in enumerate(unread, self.step - len(unread) + 1):
            terms = dict(zip(names, values.tolist(), strict=True))
            self.sums = {name: self.sums.get(name, 0.0) + value for name, value in terms.items()}
            self.summed_steps += 1
            yield number, terms

    def line(self, stage: str, learning_rate: float, settings: StageRecipe) -> dict:
        """What `metrics.jsonl` says of the steps since the last line, which are then forgotten."""
        means = {name: value / self.summed_steps for name, value in self.sums.items()}
        line = {"step": self.step, "stage": stage, "learning_rate": learning_rate, **means}
        line["clips_per_second"] = round(clips_per_second(self, settings), 2)
        line["data_wait"] = round(self.summed_wait / self.summed_seconds, 4)
        line["seconds"] = round(self.seconds, 2)
        self.reset_sums()
        return line

    def state_dict(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "unread"}

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(copy.deepcopy(state))


def clips_per_second(progress: Progress, settings: StageRecipe) -> float:
    return settings.batch_size * progress.summed_steps / max(progress.summed_seconds, 1e-9)


def describe(line: dict, settings: StageRecipe) -> str:
    terms = [key for key in line if key.endswith(("loss", "accuracy", "perplexity", "grad_norm"))]
    figures = ", ".join(f"{key} {line[key]:.4g}" for key in terms)
    return f"{line['stage']} {line['step']}/{settings.steps}: {figures}, {line['clips_per_second']:.1f} clips/s"
