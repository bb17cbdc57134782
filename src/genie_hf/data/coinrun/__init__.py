"""Recording of Procgen CoinRun, the case study of the Genie paper (appendix F), as a Hugging Face dataset.

A recording is a folder that `datasets.load_dataset` reads: zstd parquet shards under `data/`, a dataset card and
`recording.json`, which holds the settings, the frame rate and what the buttons mean. One row is a chunk of up to 64
consecutive frames of one episode:

- `frames` (binary): raw uint8 RGB pixels, `num_frames * height * width * 3` bytes
- `num_frames`, `height`, `width`
- `actions` (list of uint8, one per frame): the button, 0 to 14, pressed **after** that frame; the last entry of an
  episode is the button that ended it, or the one that would have come next when the recording stops
- `rewards` (list of float32, one per frame): what that button brought, 10 for the coin
- `ends` (list of bool, one per frame): whether it ended the game, by the coin or by a death and not by the clock
- `level_seed`, `episode` (counted from 0 within its level), `start` (index of the chunk's first frame in its episode)
- `policy`

Rows are in playing order: the chunks of an episode follow one another.

This package imports nothing of `genie_hf`: the processes that play import it alone, so they start without PyTorch.
"""

from .recording import record
from .shards import SCHEMA

__all__ = ["SCHEMA", "record"]
