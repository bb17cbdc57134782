"""The command line as it is called, and a tiny world to call it with."""

import json
import os
import subprocess
import sys

import PIL.Image
import pytest
from datasets import Dataset

from genie_hf.cli import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `genie-hf <arguments>`; gives exit status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["genie-hf", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def on_a_terminal(hub):
    """Runs `genie-hf <arguments>` in a fresh process on a terminal; gives all that appears there."""
    termios = pytest.importorskip("termios", reason="needs a system with pseudo-terminals")

    def run(*arguments) -> str:
        command = [sys.executable, "-m", "genie_hf.cli", *map(str, arguments)]
        ours, its = os.openpty()
        termios.tcsetwinsize(its, (40, 100))
        with subprocess.Popen(command, cwd=hub.folder, env=hub.environment(), stdout=its, stderr=its) as process:
            os.close(its)
            shown = b""
            try:
                while part := os.read(ours, 4096):
                    shown += part
            except OSError:  # what Linux says at the end
                pass
        os.close(ours)
        assert process.returncode == 0, shown.decode()
        return shown.decode()

    return run


@pytest.fixture
def world(tiny_pipeline, tmp_path):
    """The folder of an untrained world, with a picture to start from."""
    tiny_pipeline.save_pretrained(tmp_path / "world")
    PIL.Image.new("RGB", (40, 30), "teal").save(tmp_path / "world" / "start.png")
    return tmp_path / "world"


@pytest.fixture
def labelled(tmp_path):
    """A recording of four episodes of 9 frames, whose actions are left and right."""
    rows = []
    for episode in range(4):
        frames = b"".join(PIL.Image.effect_noise((16, 16), 80).convert("RGB").tobytes() for _ in range(9))
        row = {"frames": frames, "num_frames": 9, "height": 16, "width": 16, "level_seed": 0, "start": 0}
        rows.append(row | {"episode": episode, "actions": [episode % 2] * 9})
    Dataset.from_list(rows).save_to_disk(tmp_path / "labelled")
    (tmp_path / "labelled" / "recording.json").write_text(json.dumps({"action_names": ["left", "right"]}))
    return tmp_path / "labelled"
