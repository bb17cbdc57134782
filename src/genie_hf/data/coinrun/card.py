"""The dataset card of a recording."""

from .buttons import ACTION_GROUP_NAMES, ACTION_GROUPS, ACTION_NAMES
from .game import FRAMES_PER_ROW
from .policies import POLICIES


def dataset_card(settings, frame_rate):
    first, stop = settings["levels"]
    count = (stop - first) * settings["steps"]
    skip = "no frame skip" if settings["frame_skip"] == 1 else f"each button held for {settings['frame_skip']} steps"
    return f"""---
pretty_name: CoinRun ({settings["mode"]}, {settings["policy"]} policy, levels {first} to {stop - 1})
tags:
- world-model
- procgen
- coinrun
- video
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# CoinRun, {settings["mode"]} mode, {settings["policy"]} policy

{count:,} frames of 64x64 RGB from [Procgen](https://github.com/openai/procgen) CoinRun: level seeds {first} to
{stop - 1}, {settings["steps"]:,} frames of each, {skip} (frame_skip {settings["frame_skip"]}), frame_rate
{frame_rate:g} frames a second, policy seed {settings["seed"]}. An episode that ends earlier is followed by another
one on the same level. Recorded with genie_hf, after appendix F of [Genie](https://arxiv.org/abs/2402.15391).

The policy, {settings["policy"]}: {POLICIES[settings["policy"]].__doc__.split(chr(10))[0].rstrip(".")}.

{row_format()}

```python
import numpy as np
from datasets import load_dataset

row = load_dataset("path/to/this/folder", split="train")[0]
frames = np.frombuffer(row["frames"], np.uint8).reshape(row["num_frames"], row["height"], row["width"], 3)
```
"""


def row_format():
    buttons = "\n".join(
        f"| {button} | {name} | {group} {ACTION_GROUP_NAMES[group]} |"
        for button, (name, group) in enumerate(zip(ACTION_NAMES, ACTION_GROUPS, strict=True))
    )
    return f"""One row is a chunk of up to {FRAMES_PER_ROW} consecutive frames of one episode, in playing order.

| column | content |
|---|---|
| `frames` | raw uint8 pixels, `num_frames * height * width * 3` bytes |
| `num_frames`, `height`, `width` | the shape of `frames` |
| `actions` | for each frame the button (0 to 14) pressed after it |
| `rewards` | for each frame what that button brought: 10 for the coin |
| `ends` | for each frame whether that button ended the game, by the coin or by a death |
| `level_seed` | the level |
| `episode` | the episode, counted from 0 within its level |
| `start` | index of the first frame of the chunk in its episode |
| `policy` | who pressed the buttons |

Several buttons do the same. `recording.json` holds this table as `action_names`, `action_groups` and
`action_group_names`.

| button | action_names | action_groups |
|---|---|---|
{buttons}"""
