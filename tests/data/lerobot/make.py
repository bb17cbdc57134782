"""Made the datasets beside it: `python make.py v3.0` and `python make.py v3.0-images` with lerobot 0.4.4, and those of
v2.1 with 0.3.3.

Three episodes of 7, 12 and 5 frames, 10 a second, from two cameras. All frames are grey: frame i of the dataset has
the level 20 + 8 i from the camera `front`, and 240 - 8 i from the camera `wrist`. In `v3.0-images` the last episode
has a data file of its own.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import CODEBASE_VERSION, LeRobotDataset

SHAPES = {"video": (48, 64, 3), "image": (8, 12, 3)}
ACTIONS = {
    "v3.0": {"dtype": "int64", "shape": (1,), "names": ["button"]},
    "v2.1": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]},
}

if __name__ == "__main__":
    version, _, images = sys.argv[1].partition("-")
    assert version == CODEBASE_VERSION
    dtype = "image" if images else "video"
    shape = SHAPES[dtype]
    cameras = ("front", "wrist")
    image = {"dtype": dtype, "shape": shape, "names": ["height", "width", "channels"]}
    features = {f"observation.images.{camera}": image for camera in cameras} | {"action": ACTIONS[version]}
    folder = Path(__file__).parent / sys.argv[1]
    dataset = LeRobotDataset.create("user/greys", fps=10, features=features, root=folder, use_videos=not images)
    count = 0
    for length in (7, 12, 5):
        if sys.argv[1] == "v3.0-images" and length == 5:
            dataset.meta.update_chunk_settings(data_files_size_in_mb=1e-9)
        for _ in range(length):
            action = ACTIONS[version]
            dataset.add_frame(
                {
                    "observation.images.front": np.full(shape, 20 + 8 * count, np.uint8),
                    "observation.images.wrist": np.full(shape, 240 - 8 * count, np.uint8),
                    "action": np.full(action["shape"], count % 5, action["dtype"]),
                }
                | ({"task": "get brighter"} if version == "v3.0" else {}),
                **({"task": "get brighter"} if version == "v2.1" else {}),
            )
            count += 1
        dataset.save_episode()
    if version == "v3.0":
        dataset.finalize()
    shutil.rmtree(folder / "images", ignore_errors=True)  # the images, which by now are in the data
