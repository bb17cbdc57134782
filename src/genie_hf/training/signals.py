"""Stopping a run from outside without losing a step."""

import atexit
import contextlib
import multiprocessing.util  # whose own end at exit comes after ours
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT, so that a step is completed and saved first; a second SIGINT interrupts at once."""
    received, before = [], {}

    def note(number, frame):
        received.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_interrupts(worker: int) -> None:
    """The signal often reaches the loading processes too, but the main process needs them until its step is done."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@atexit.register
def end_workers() -> None:
    """Ends loading processes that an error left behind.

    Python sends them a SIGTERM as it exits, which they ignore, and would wait for ever.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler would complain of their end
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
