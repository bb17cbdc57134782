"""How far a run has come, and how it says so."""

import copy

from .recipe import StageRecipe


class Progress:
    """How far a run has come: part of a checkpoint. `sums` are the terms since the last line of metrics."""

    def __init__(self):
        self.step, self.seconds = 0, 0.0
        self.reset_sums()

    def reset_sums(self):
        self.sums, self.summed_steps, self.summed_seconds, self.summed_wait = {}, 0, 0.0, 0.0

    def add(self, terms: dict[str, float], seconds: float, wait: float) -> None:
        """Takes note of a step that took `seconds`, of which it waited for data during `wait`."""
        self.step += 1
        self.seconds += seconds
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in terms.items()}
        self.summed_steps += 1
        self.summed_seconds += seconds
        self.summed_wait += wait

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
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(copy.deepcopy(state))


def clips_per_second(progress: Progress, settings: StageRecipe) -> float:
    return settings.batch_size * progress.summed_steps / max(progress.summed_seconds, 1e-9)


def describe(line: dict, settings: StageRecipe) -> str:
    terms = [key for key in line if key.endswith(("loss", "accuracy", "perplexity", "grad_norm"))]
    figures = ", ".join(f"{key} {line[key]:.4g}" for key in terms)
    return f"{line['stage']} {line['step']}/{settings.steps}: {figures}, {line['clips_per_second']:.1f} clips/s"
