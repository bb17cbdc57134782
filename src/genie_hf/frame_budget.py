"""How many MaskGIT steps a frame can afford."""


class FrameBudget:
    """Adapts the number of MaskGIT steps to a time budget, from what the last frames took.

    Args:
        seconds: the budget for a frame.
        most: the most steps for a frame; it gets at least 1, however long that takes.
    """

    MEMORY = 0.7  # weight of the past in the moving averages: a neighbour's burst of work is forgotten in a few frames

    def __init__(self, seconds: float, most: int):
        self.seconds, self.most = seconds, most
        self.step_seconds: float | None = None
        self.rest_seconds: float | None = None

    def record(self, num_steps: int, step_seconds: float, rest_seconds: float) -> None:
        """Takes note of a frame: `num_steps` steps took `step_seconds`; keeping and decoding it, `rest_seconds`."""
        per_step = step_seconds / num_steps
        if self.step_seconds is None:
            self.step_seconds, self.rest_seconds = per_step, rest_seconds
        self.step_seconds += (1 - self.MEMORY) * (per_step - self.step_seconds)
        self.rest_seconds += (1 - self.MEMORY) * (rest_seconds - self.rest_seconds)

    def num_steps(self) -> int:
        """Steps for the next frame."""
        if self.step_seconds is None:
            return 1
        return min(max(int((self.seconds - self.rest_seconds) / self.step_seconds), 1), self.most)
