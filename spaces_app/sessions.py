"""The worlds being played, one per visitor, with no web framework in sight."""

import io
import threading
from collections import OrderedDict

from PIL import Image


class Session:
    """One visitor's world. Its steps run one after the other, however the requests arrive.

    Args:
        pipe (`GeniePipeline`): The world model, shared by all sessions (worlds keep their own caches).
        image (`PIL.Image.Image`): The picture the world starts from, fitted to the world's size by the pipeline.
        num_inference_steps (`int`): MaskGIT steps per frame.
    """

    def __init__(self, pipe, image, num_inference_steps):
        self.image = image
        self.frames_per_second = pipe.config.fps
        self.world = pipe.start(image, seed=0, num_inference_steps=num_inference_steps)
        self.frames = self.world.frames
        self.lock = threading.Lock()

    def step(self, action):
        """Appends the frame that `action` leads to."""
        with self.lock:
            self.frames.append(self.world.step(action))

    def undo(self):
        """Takes the last step back; at the first frame there is nothing to take back."""
        with self.lock:
            if len(self.frames) > 1:
                self.world.undo()
                self.frames.pop()

    @property
    def position(self):
        """Frames generated so far."""
        return len(self.frames) - 1

    def gif(self, height=256):
        """The session as an animated GIF, enlarged to about `height` pixels without smoothing.

        Returns:
            `bytes`: The content of the file.
        """
        with self.lock:
            frames = self.frames.copy()
        factor = max(1, height // frames[0].height)
        first, *rest = [frame.resize((frame.width * factor, frame.height * factor), Image.NEAREST) for frame in frames]
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=rest, duration=1000 // self.frames_per_second, loop=0)
        return file.getvalue()


class Sessions:
    """Holds the `capacity` sessions that were used last; older ones are forgotten.

    Args:
        capacity (`int`): How many worlds stay in memory.
    """

    def __init__(self, capacity=64):
        self.capacity = capacity
        self.by_token = OrderedDict()
        self.lock = threading.Lock()

    def __len__(self):
        return len(self.by_token)

    def put(self, token, session):
        with self.lock:
            self.by_token[token] = session
            self.by_token.move_to_end(token)
            while len(self.by_token) > self.capacity:
                self.by_token.popitem(last=False)

    def get(self, token):
        """The session of this visitor, or `None` when it was never started or has been forgotten."""
        with self.lock:
            if token in self.by_token:
                self.by_token.move_to_end(token)
            return self.by_token.get(token)

    def drop(self, token):
        with self.lock:
            self.by_token.pop(token, None)
