"""What the page's process tells the processes that hold a GPU."""

import multiprocessing


class Commands:
    """Rings of whole numbers in shared memory, one for each burst at a time: the page writes, the other side reads.

    Made before the processes are forked.

    Args:
        num_slots: how many rings.
    """

    LENGTH, WIDTH = 64, 3

    def __init__(self, num_slots: int):
        context = multiprocessing.get_context("fork")
        self._numbers = context.Array("q", num_slots * (1 + self.LENGTH * self.WIDTH), lock=False)

    def clear(self, slot: int) -> None:
        self._numbers[self._first(slot)] = 0

    def write(self, slot: int, kind: int, action: int = 0, roll: int = 0) -> None:
        first = self._first(slot)
        count = self._numbers[first]
        at = first + 1 + count % self.LENGTH * self.WIDTH
        self._numbers[at : at + self.WIDTH] = [kind, action, roll]
        self._numbers[first] = count + 1  # last, so that a command is read whole

    def read(self, slot: int, num_read: int) -> tuple[int, int, int] | None:
        """The command after the first `num_read`, or None if it has not come."""
        first = self._first(slot)
        if self._numbers[first] == num_read:
            return None
        at = first + 1 + num_read % self.LENGTH * self.WIDTH
        kind, action, roll = self._numbers[at : at + self.WIDTH]
        return kind, action, roll

    def _first(self, slot: int) -> int:
        return slot * (1 + self.LENGTH * self.WIDTH)
