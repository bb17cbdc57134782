"""What stands between us and the Hub, in one sentence that says what to do."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, EFBIG, ENOSPC, EPERM, EROFS
from pathlib import Path

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


@contextmanager
def hub_sentences(name: str | os.PathLike, revision: str | None = None, token: str | bool | None = None) -> Iterator:
    """Around what asks the Hub: its errors, those of the way there, and damaged files become one sentence.

    Args:
        name: the repository, as user/name, or a folder of this machine.
        revision: what was asked for of it.
        token: what was given, to tell a wrong one from none.

    Raises:
        OSError: with the sentence. Its cause is what was raised; what has nothing to do with the Hub is raised on.
    """
    try:
        yield
    except Exception as error:
        sentence = damaged_json(error)
        if sentence is None and not os.path.isdir(name):
            sentence = sentence_for(error, str(name), revision, token)
        if sentence is None:
            raise
        raise OSError(sentence) from error


def damaged_json(error: Exception) -> str | None:
    """Which file of a world is damaged or missing, for the libraries name no remedy."""
    if damaged := re.search(r"the config file at '(.+)' is not a valid JSON file", str(error)):
        return f"{damaged[1]} is damaged (it is not valid JSON): get a fresh copy."
    if missing := re.search(r"no file named (\S+\.json) found in directory (.+)\.$", str(error)):
        return f"{missing[2]} lacks {missing[1]}: get a fresh copy of the world."
    return None


def sentence_for(error: BaseException, name: str, revision: str | None, token: str | bool | None) -> str | None:
    """What went wrong and what to do about it; None if it is not about the Hub."""
    errors = list(causes(error))

    def find(*kinds: type) -> BaseException | None:
        return next((e for e in errors if isinstance(e, kinds)), None)

    answers = [e.response for e in errors if isinstance(e, HfHubHTTPError) and e.response is not None]
    status = answers[0].status_code if answers else None
    if any(isinstance(e, OSError) and e.errno in (ENOSPC, EDQUOT) for e in errors):
        return f"The disk is full, so {name} cannot be stored in {constants.HF_HOME}: make room, or set HF_HOME."
    if reason := next(filter(None, map(why_not_stored, errors)), None):
        return f"{name} cannot be stored in {constants.HF_HOME} ({reason}): set HF_HOME to another folder."
    if find(RevisionNotFoundError):
        return f"{name} has no revision {revision!r}: name one of its branches, tags or commits."
    known = token or (token is None and get_token())
    if (status == 401 and not find(RepositoryNotFoundError) and not known) or find(LocalTokenNotFoundError):
        return f"The Hub asks who you are for {name}: {LOG_IN}."
    if status == 401 and not find(RepositoryNotFoundError):
        return f"The Hub does not know the token that it was given: make one at {constants.ENDPOINT}/settings/tokens."
    if find(GatedRepoError):
        return f"{name} is open to those alone who asked for it: ask at {constants.ENDPOINT}/{name}, then {LOG_IN}."
    if find(RepositoryNotFoundError):
        remedy = "use the token of somebody who may see it" if known else LOG_IN
        return (
            f"There is no folder {name}, and no {name} on the Hub, or it is private: check the name; if it is "
            f"private, {remedy}."
        )
    if status == 403:
        return f"The token may not write to {name}: use one with the role write, of {name.split('/')[0]} or a member."
    if status in (409, 412):
        return f"Somebody else has just changed {name}: try again."
    if status == 429:
        wait = re.search(r"Retry after (\d+) seconds", str(find(HfHubHTTPError)))
        seconds = wait[1] if wait else answers[0].headers.get("Retry-After", "")
        when = f"in {seconds} seconds" if seconds.isdigit() else "in a few minutes"
        return f"The Hub has had too many requests from here (rate limit): try again {when}; a token raises the limit."
    if status is not None and status >= 500:
        return f"The Hub is out of order (it answers {status}): try again later."
    if (missing := find(EntryNotFoundError)) is not None and not isinstance(missing, LocalEntryNotFoundError):
        file = re.search(r"/resolve/[^/]+/([^\s?]+?)\.?(?:\s|$)", str(missing))
        what = file[1] if file else "what was asked for"
        return f"{name} lacks {what}: it is no world of genie_hf, or was not published as a whole."
    if any(nobody_answered(e) for e in errors):
        return f"The Hub ({constants.ENDPOINT}) cannot be reached for {name}: check the network, then try again."
    if "/api/repos/create" in str(find(OfflineModeIsEnabled)):
        return f"Nothing can be pushed to {name}, as the Hub may not be asked (HF_HUB_OFFLINE): unset that first."
    if find(LocalEntryNotFoundError, OfflineModeIsEnabled):
        return (
            f"{name} is not stored here, and the Hub may not be asked (HF_HUB_OFFLINE or local_files_only): allow it "
            "once."
        )
    if any("Could not find the necessary `safetensors`" in str(e) for e in errors):
        return f"{name} lacks weights in the format safetensors; pickles, which could run code, are not loaded."
    if any("Consistency check failed" in str(e) for e in errors):
        return f"A file of {name} did not arrive as a whole: load it again."
    if find(HFValidationError) or "nor a valid repo id" in str(error):
        return f"There is no folder {name}, and no repository can have this name: name it as user/name."
    return None


def why_not_stored(error: BaseException) -> str | None:
    """Why a file cannot be written where what comes from the Hub is stored; None if it is about something else."""
    if not isinstance(error, OSError):
        return None
    path = Path(str(error.filename))  # a socket has none
    is_ours = any(map(path.is_relative_to, (constants.HF_HOME, constants.HF_HUB_CACHE)))
    refused = error.errno == EFBIG or (error.errno in (EACCES, EPERM, EROFS) and is_ours)
    return error.strerror if refused else None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def nobody_answered(error: BaseException) -> bool:
    """Whether nobody answered; the libraries reach the Hub by different clients, each with errors of its own."""
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"TransportError", "ConnectionError"}) and not isinstance(error, OfflineModeIsEnabled)
