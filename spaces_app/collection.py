"""Ways that players give: a recording to train worlds with, in the format of `genie-hf record`."""

import hashlib
import io
import json
import logging
import os
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from genie_hf import GeniePipeline
from genie_hf.data.coinrun.game import FRAMES_PER_ROW
from genie_hf.data.coinrun.recording import write_then_rename
from genie_hf.data.coinrun.shards import SCHEMA, temporary_path
from genie_hf.fingerprint import fingerprint
from refusal import Refusal
from session import Session

log = logging.getLogger(__name__)

MAX_BYTES = 1_000_000_000
WAYS = pa.schema([field for field in SCHEMA if field.name not in ("rewards", "ends")])

CARD = """---
pretty_name: Played in {world}
tags:
- world-model
- video
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# Played in {world}

Frames that the learnt world {world} drew for people who played it in a browser, and the actions that they took. Each
of them gave these frames and actions to train worlds with, by a button that says so. Nothing else is known of them.

One row is up to {rows} consecutive frames of one way: raw uint8 pixels (`frames`, of `num_frames`, `height` and
`width`), and after each frame the action taken (`actions`; after the last one none was, and the one before is
repeated). `level_seed` tells the visits apart, and `episode` the ways of one of them, which begin alike.
"""


class Collection:
    """The ways that were given of one world.

    Args:
        folder: new, or with those of the same world.
        world: its name.
        pipe: the world.
        names: of its actions; those without one are called by their numbers.
        max_bytes: how large the folder may become.

    Raises:
        ValueError: the folder holds something else, or cannot be written.
    """

    def __init__(self, folder: Path, world: str, pipe: GeniePipeline, names: list[str], max_bytes: int = MAX_BYTES):
        self.folder, self.max_bytes, self._lock = folder, max_bytes, threading.Lock()
        named = [name or f"action {action}" for action, name in enumerate(names or [""] * pipe.num_actions)]
        notes = {"world": world, "dynamics_fingerprint": fingerprint(pipe.dynamics), "frame_rate": pipe.config.fps}
        text, manifest = json.dumps(notes | {"frame_skip": 1, "action_names": named}) + "\n", folder / "recording.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if manifest.exists():
                before = json.loads(manifest.read_text())
                if any(before.get(key) != notes[key] for key in ("dynamics_fingerprint", "frame_rate")):
                    raise ValueError(f"{folder} has ways of another world, or of this one before: name another.")
            elif any(folder.iterdir()):
                raise ValueError(f"{folder} holds something else: name another folder to collect in.")
            write_then_rename(manifest, text)
            if not (folder / "README.md").exists():
                write_then_rename(folder / "README.md", CARD.format(world=world, rows=FRAMES_PER_ROW))
            (folder / "data").mkdir(exist_ok=True)
            for unfinished in folder.glob("data/.*.tmp"):
                unfinished.unlink()
        except OSError as error:
            raise ValueError(f"nothing can be collected in {folder} ({error.strerror}): name another.") from error

    def add(self, session: Session, number: int) -> int:
        """Keeps the way from the start of a session to a frame, in place of a part of it that was given before.

        Returns:
            How many frames it has.

        Raises:
            Refusal: there is nothing to keep yet, or no room.
        """
        actions = session.actions(number)
        if not actions:
            raise Refusal("There is nothing to give yet. Play a little first.")
        frames = [np.asarray(Image.open(io.BytesIO(image)).convert("RGB")) for image in session.images(number)]
        rows = list(rows_of(np.stack(frames), [*actions, actions[-1]], self._seed(session), number))
        with self._lock:
            if sum(path.stat().st_size for path in self.folder.glob("data/*")) > self.max_bytes:
                raise Refusal("This page has been given as much as it can keep. Thank you.")
            path = self._path(session, number)
            try:
                with open(temporary_path(path), "wb") as file:
                    pq.write_table(pa.Table.from_pylist(rows, WAYS), file, compression="zstd")
                    os.fsync(file.fileno())
                os.replace(temporary_path(path), path)
            except OSError as error:
                log.error("%s cannot be written: %s", path, error)
                temporary_path(path).unlink(missing_ok=True)
                raise Refusal("This page cannot keep it now. Thank you all the same.") from error
            for earlier in session.path(number)[:-1]:
                self._path(session, earlier).unlink(missing_ok=True)
        return len(frames)

    def _path(self, session: Session, number: int) -> Path:
        return self.folder / "data" / f"train-{self._seed(session):019d}-{number:04d}.parquet"

    @staticmethod
    def _seed(session: Session) -> int:
        """A number for a session that does not tell its token. Its ways begin alike: data are split by this number."""
        return int.from_bytes(hashlib.sha256(session.token.encode()).digest()[:8]) >> 1


def rows_of(frames: np.ndarray, actions: list[int], seed: int, way: int):
    """The rows of a way.

    Args:
        frames: uint8 of shape `(num_frames, height, width, 3)`.
        actions: after each.
        seed: what tells its session from others.
        way: its number in that.
    """
    height, width = frames.shape[1:3]
    for start in range(0, len(frames), FRAMES_PER_ROW):
        part = frames[start : start + FRAMES_PER_ROW]
        yield {
            "frames": part.tobytes(),
            "num_frames": len(part),
            "height": height,
            "width": width,
            "actions": actions[start : start + len(part)],
            "level_seed": seed,
            "episode": way,
            "start": start,
            "policy": "people",
        }
