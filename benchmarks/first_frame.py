"""From nothing to the first frame of a published world: a fresh process, an empty cache, a Hub on this machine.

    python benchmarks/first_frame.py [FOLDER] [--runs 3]

The network's own time is not in it: at 100 Mbit/s, 12 MB take another second.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

CHILD = """
import json, os, sys, time
begun = float(sys.argv[2])
marks = {"Python": time.time()}
from genie_hf import GeniePipeline
marks["import"] = time.time()
GeniePipeline.download(sys.argv[1])
marks["download"] = time.time()
pipe = GeniePipeline.from_pretrained(sys.argv[1])
marks["load"] = time.time()
from huggingface_hub import hf_hub_download
world = pipe.start(hf_hub_download(sys.argv[1], sys.argv[3]), num_inference_steps=8)
marks["start"] = time.time()
world.step(0)
marks["first frame"] = time.time()
times = [begun, *marks.values()]
took = {name: after - before for name, before, after in zip(marks, times, times[1:])}
print(json.dumps(took | {"all": times[-1] - begun, "processor": time.process_time()}))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "pipelines" / "coinrun-gpu")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        from hub_server import TOKEN, HubServer

        hub = HubServer(Path(place))
        hub.start()
        environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
        publish = [sys.executable, "-m", "genie_hf.cli", "publish", str(given.folder), "tester/world"]
        subprocess.run(publish, env=environment | {"HF_HOME": f"{place}/publisher"}, check=True)
        example = next(name for name in hub.files("tester/world") if name.startswith("examples/"))
        runs = []
        for run in range(given.runs):
            played = [sys.executable, "-c", CHILD, "tester/world", str(time.time()), example]
            alone = environment | {"HF_HOME": f"{place}/player-{run}"}
            done = subprocess.run(played, env=alone, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout))
    for name in runs[0]:
        print(f"{name:<12} {statistics.median(run[name] for run in runs):5.2f} s")


if __name__ == "__main__":
    main()
