"""Made the two datasets beside it: `python make.py v3.0` with lerobot 0.4.4, `python make.py v2.1` with 0.3.3.

Three episodes of 7, 12 and 5 frames, 10 a second, from two cameras. All frames are grey: frame i of the dataset has
the level 20 + 8 i from the camera `front`, and 240 - 8 i from the camera `wrist`.
"""

import sys
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import CODEBASE_VERSION, LeRobotDataset

SHAPE = (48, 64, 3)
ACTIONS = {
    "v3.0": {"dtype": "int64", "shape": (1,), "names": ["button"]},
    "v2.1": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]},
}

if __name__ == "__main__":
    version = sys.argv[1]
    assert version == CODEBASE_VERSION
    cameras = ("front", "wrist")
    image = {"dtype": "video", "shape": SHAPE, "names": ["height", "width", "channels"]}
    features = {f"observation.images.{camera}": image for camera in cameras} | {"action": ACTIONS[version]}
    folder = Path(__file__).parent / version
    dataset = LeRobotDataset.create("user/greys", fps=10, features=features, root=folder)
    count = 0
    for length in (7, 12, 5):
        for _ in range(length):
            action = ACTIONS[version]
            dataset.add_frame(
                {
                    "observation.images.front": np.full(SHAPE, 20 + 8 * count, np.uint8),
                    "observation.images.wrist": np.full(SHAPE, 240 - 8 * count, np.uint8),
                    "action": np.full(action["shape"], count % 5, action["dtype"]),
                }
                | ({"task": "get brighter"} if version == "v3.0" else {}),
                **({"task": "get brighter"} if version == "v2.1" else {}),
            )
            count += 1
        dataset.save_episode()
    if version == "v3.0":
        dataset.finalize()
