"""One player's way through a world: a tree of frames under a token that nobody can guess."""

import secrets
from typing import TYPE_CHECKING, NamedTuple

from genie_hf.play.history import Step

if TYPE_CHECKING:
    from service import Service

MAX_FRAMES = 1000  # of one session, all branches together


class Frame(NamedTuple):
    """A frame of the tree, and how it came about: by `action` from the frame `parent`, both None at the root."""

    parent: int | None
    action: int | None
    roll: int
    step: Step | None
    image: bytes  # lossless WebP


class Session:
    """One player's frames: every one ever made, as a tree.

    Frames are numbered in the order in which they were made; 0 is the picture at the start. A step from an older frame
    begins another branch.

    Args:
        image: the first frame as a WebP file.
    """

    service: "Service"  # that plays it
    nbytes = 0  # memory of the model's state, where the session keeps one

    def __init__(self, image: bytes):
        self.token = secrets.token_urlsafe(16)
        self.frames = [Frame(None, None, 0, None, image)]
        self.current = 0  # the frame that was made last, or that `undo` of the API went back to

    def path(self, number: int) -> list[int]:
        """The frames from the start to this one."""
        path = []
        while number is not None:
            path.append(number)
            number = self.frames[number].parent
        return path[::-1]

    def images(self, number: int) -> list[bytes]:
        """The WebP files from the start to this frame."""
        return [self.frames[n].image for n in self.path(number)]

    def actions(self, number: int) -> list[int]:
        """The actions from the start to this frame."""
        return [self.frames[n].action for n in self.path(number)[1:]]

    def steps(self, number: int) -> list[Step]:
        """The steps from the start to this frame."""
        return [self.frames[n].step for n in self.path(number)[1:]]

    def add(self, parent: int, action: int, roll: int, step: Step, image: bytes) -> int:
        """Notes a frame and returns its number."""
        self.frames.append(Frame(parent, action, roll, step, image))
        self.current = len(self.frames) - 1
        return self.current
