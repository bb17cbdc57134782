"""One of the processes that play for `record`."""

import contextlib
import json
import os
import signal
import sys
import threading
from functools import partial

from .game import play_level
from .shards import list_shards, write_shard


def main():
    """Record the shards that are missing and that no other process has begun.

    The first argument is the job as JSON. A line on standard output is a level played, or else says what went wrong.
    Standard input closes when the recording process ends, in whatever way, and then so does this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
    job = json.loads(sys.argv[1])
    try:
        for path, level_seeds in list_shards(**job["shards"]).items():
            if not path.exists():
                with contextlib.suppress(FileExistsError):
                    write_shard(path, level_seeds, partial(play_level, **job["play"]), partial(say, ""))
    except BrokenPipeError:
        os._exit(1)
    except OSError as error:
        say(error.strerror or error)


def say(message):
    os.write(sys.stdout.fileno(), f"{message}\n".encode())
