"""Recording levels into a folder, on all cores; a recording can be stopped and continued."""

import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from .buttons import ACTION_GROUP_NAMES, ACTION_GROUPS, ACTION_NAMES
from .card import dataset_card
from .game import import_procgen
from .policies import POLICIES
from .shards import FRAMES_PER_SHARD, is_complete, list_shards, temporary_path

STEPS_PER_SECOND = 15
"""How fast Procgen shows its games to people."""

LOCK = ".recording.lock"

logger = logging.getLogger(__name__)


def record(
    output: str | os.PathLike,
    levels: tuple[int, int] = (0, 10_000),
    steps: int = 1_000,
    mode: str = "hard",
    policy: str = "random",
    seed: int = 0,
    frame_skip: int = 1,
    num_workers: int | None = None,
) -> Path:
    """Play CoinRun and write what is seen and pressed as a Hugging Face dataset. Source: Genie paper, appendix F.

    Each level is played for `steps` decisions. A decision is one recorded frame of 64x64 RGB and the button that is
    then held for `frame_skip` steps of the game. An episode that ends earlier (a death, the coin, 1,000 steps of the
    game) is followed by another one on the same level, so a recording has exactly `(levels[1] - levels[0]) * steps`
    frames. Split data by level: record other levels for testing.

    What is played depends on all settings but `num_workers`, and a shard gets its name only once it is complete. So a
    recording that was killed continues when it is started again with the same settings, and ends with the same files
    as one that never stopped. Existing shards are checked; damaged ones are recorded again.

    Args:
        output: folder to write; new, empty, or an unfinished recording with these settings.
        levels: first level seed and the one after the last.
        steps: frames to record of each level.
        mode: `"easy"` or `"hard"`.
        policy: `"random"` (uniform over the 15 buttons, the paper's), `"sticky"` (right and right+jump with
            probability 0.3 each, left, left+jump, jump and none with 0.1 each, held for 2 to 12 decisions),
            `"balanced"` (left, right, left+jump and right+jump with 0.2 each, jump and none with 0.1 each, held for 2
            to 8 decisions), `"search"` (tries 8 such sequences in copies of the game, 45 steps ahead, and follows
            the best for 2 to 8 decisions, or half of the time any that is survived) or `"expert"` (goes to the coin,
            jumps only where it must, and once in ten decisions presses any button that it survives for 1 to 3).
        seed: seed of the policy.
        frame_skip: steps of the game for which each button is held; the frames between are not recorded. The
            recording has 15 / frame_skip frames a second.
        num_workers: processes that play; by default one for each core. Changes no byte of the result.

    Returns:
        The folder.

    Raises:
        ValueError: impossible settings, or `output` holds something else or another process is recording into it.
        ImportError: where Procgen is not installed.
        OSError: `output` cannot be written, for example on a full disk.
        ChildProcessError: a process that plays failed.
    """
    output = Path(output)
    first, stop = levels
    if not 0 <= first < stop <= 2**31 - 1:
        raise ValueError(f"levels must be a range A:B with 0 <= A < B < 2147483648, got {first}:{stop}.")
    if mode not in ("easy", "hard"):
        raise ValueError(f"mode must be 'easy' or 'hard', got {mode!r}.")
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(map(repr, POLICIES))}, got {policy!r}.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}.")
    num_workers = os.cpu_count() if num_workers is None else num_workers
    for name, value in {"steps": steps, "frame_skip": frame_skip, "num_workers": num_workers}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    import_procgen()

    play = {"steps": steps, "mode": mode, "policy": policy, "seed": seed, "frame_skip": frame_skip}
    settings = {"levels": [first, stop]} | play
    frame_rate = STEPS_PER_SECOND / frame_skip
    require_free(output)
    with writing(output), locked(output):
        claim_folder(output, settings, frame_rate)
        job = {"output": str(output.absolute()), "levels": [first, stop], "steps": steps}
        job |= {"frames_per_shard": FRAMES_PER_SHARD}
        missing = clear_broken(list_shards(**job), steps)
        total, left = stop - first, sum(map(len, missing.values()))
        with tqdm(total=total * steps, initial=(total - left) * steps, unit="frame", unit_scale=True) as progress:
            for _ in levels_played({"shards": job, "play": play}, min(num_workers, len(missing))):
                progress.update(steps)
        write_then_rename(output / "README.md", dataset_card(settings, frame_rate))
    return output


@contextmanager
def writing(output):
    """Say which folder it is that cannot be written, and what to do."""
    try:
        yield
    except ChildProcessError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise OSError(
            f"{output} cannot be written ({reason}). Make room, then run the command again to continue, or name "
            "another place."
        ) from error


@contextmanager
def locked(output):
    """Make the folder, and keep other processes from recording into it."""
    output.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(output / LOCK, timeout=0).acquire()
    except Timeout:
        raise ValueError(
            f"another process is recording into {output}: wait for it to finish, or choose another folder."
        ) from None
    with lock:
        yield


def require_free(output):
    """Raise if `output` is neither new, nor empty, nor a recording."""
    if output.exists() and not (output / "recording.json").exists():
        if not output.is_dir() or any(not path.name.startswith(".recording.") for path in output.iterdir()):
            raise ValueError(f"{output} exists and is not a recording: choose a new or empty folder.")


def claim_folder(output, settings, frame_rate):
    """Make `output` the folder of a recording with these settings, or raise if it is one with others."""
    manifest = output / "recording.json"
    if manifest.exists():
        existing = {"frame_skip": 1} | json.loads(manifest.read_text())
        for name, value in settings.items():
            if existing.get(name) != value:
                raise ValueError(
                    f"{output} holds a recording with {name}={existing.get(name)!r}, not {value!r}: continue it with "
                    "its own settings or choose another folder."
                )
    meaning = {"action_names": ACTION_NAMES, "action_groups": ACTION_GROUPS, "action_group_names": ACTION_GROUP_NAMES}
    write_then_rename(manifest, json.dumps(settings | {"frame_rate": frame_rate} | meaning) + "\n")
    (output / "data").mkdir(exist_ok=True)


def write_then_rename(path, text):
    temporary = temporary_path(path)
    temporary.write_text(text)
    os.replace(temporary, path)


def clear_broken(shards, steps):
    """Remove shards that are damaged or incomplete; returns those that are still to be recorded."""
    missing = {}
    for path, level_seeds in shards.items():
        temporary_path(path).unlink(missing_ok=True)
        if path.exists() and not is_complete(path, level_seeds, steps):
            logger.warning("%s is damaged: recording it again.", path)
            path.unlink()
        if not path.exists():
            missing[path] = level_seeds
    return missing


def levels_played(job, num_workers):
    """Record the missing shards in processes; yields whenever a level has been played."""
    # Started by hand and not by multiprocessing, which would import the main module, and with it PyTorch, in each.
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from coinrun.worker import main; main()"
    command = [sys.executable, "-c", code, str(Path(__file__).parents[1]), json.dumps(job)]
    alive, stop = os.pipe()
    lines, written = os.pipe()
    workers = [subprocess.Popen(command, stdin=alive, stdout=written) for _ in range(num_workers)]
    os.close(alive)
    os.close(written)
    try:
        with open(lines) as played:
            for line in played:
                if line.strip():
                    raise OSError(line.strip())
                yield
    finally:
        os.close(stop)
        for worker in workers:
            worker.wait()
    if failed := [worker.returncode for worker in workers if worker.returncode]:
        raise ChildProcessError(
            f"A recording process exited with status {failed[0]}. Run the command again to continue."
        )
