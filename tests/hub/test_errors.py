"""Each thing that can be in the way is one sentence with a remedy."""

from errno import EACCES, EFBIG, EROFS
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from genie_hf.hub.errors import hub_sentences
from hub_server import READ_TOKEN, STRANGERS_TOKEN


def sentence(name, ask, **given):
    with pytest.raises(OSError) as raised:
        with hub_sentences(name, **given):
            ask()
    assert raised.value.__cause__ is not None and "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def name(hub):
    name = hub.new_name()
    hub.api.create_repo(name)
    return name


def test_what_is_not_there(hub, name):
    missing = hub.new_name()
    assert f"There is no folder {missing}, and no {missing} on the Hub, or it is private: check the name" in sentence(
        missing, lambda: hub.api.model_info(missing)
    )
    asked = sentence(name, lambda: hub.api.model_info(name, revision="v9"), revision="v9")
    assert asked == f"{name} has no revision 'v9': name one of its branches, tags or commits."
    asked = sentence(name, lambda: hub.api.hf_hub_download(name, "model_index.json"))
    assert asked.startswith(f"{name} lacks model_index.json: it is no world of genie_hf")
    asked = sentence("a b", lambda: hub.api.hf_hub_download("a b", "model_index.json"))
    assert asked == "There is no folder a b, and no repository can have this name: name it as user/name."


def test_who_may_not(hub, name, monkeypatch):
    hub.server.repository(name).gated = True
    asked = sentence(name, lambda: HfApi(token=STRANGERS_TOKEN).hf_hub_download(name, "x"))
    assert f"ask at {hub.url}/{name}, then log in with `hf auth login`" in asked
    write = {"path_or_fileobj": b"x", "path_in_repo": "x.txt", "repo_id": name}
    assert "may not write" in sentence(name, lambda: HfApi(token=READ_TOKEN).upload_file(**write))
    wrong = sentence(name, lambda: HfApi(token="hf_wrong").model_info(name), token="hf_wrong")
    assert wrong == f"The Hub does not know the token that it was given: make one at {hub.url}/settings/tokens."
    hub.api.update_repo_settings(name, private=True)
    monkeypatch.delenv("HF_TOKEN")
    assert "if it is private, log in with `hf auth login`" in sentence(name, lambda: HfApi().model_info(name))
    assert "The Hub asks who you are" in sentence(name, lambda: HfApi().create_repo(name))


def test_the_hub_is_busy_out_of_order_or_away(hub, name):
    server = hub.server
    server.fail("GET /api/models", 429, times=1)
    assert "too many requests" in sentence(name, lambda: hub.api.model_info(name))
    server.fail("GET /api/models", 429, times=1, RateLimit='"api";r=0;t=55')
    assert "try again in 55 seconds" in sentence(name, lambda: hub.api.model_info(name))
    server.fail("GET /api/models", 503, times=1)
    assert "out of order (it answers 503): try again later" in sentence(name, lambda: hub.api.model_info(name))
    server.stop()
    away = f"The Hub ({hub.url}) cannot be reached for {name}: check the network, then try again."
    assert sentence(name, lambda: hub.api.model_info(name)) == away
    asked = sentence(name, lambda: hub.api.hf_hub_download(name, "x", local_files_only=True))
    assert asked.startswith(f"{name} is not stored here, and the Hub may not be asked")


def test_the_disk_is_full(hub):
    def write():
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"weights")

    assert sentence("user/world", write) == (
        f"The disk is full, so user/world cannot be stored in {constants.HF_HOME}: make room, or set HF_HOME."
    )


def refuse(errno, reason, *file):
    def ask():
        raise OSError(errno, reason, *file)

    return ask


@pytest.mark.parametrize(
    ("errno", "reason", "file"),
    [
        (EROFS, "Read-only file system", ["models--user--world"]),
        (EACCES, "Permission denied", ["models--user--world"]),
        (EFBIG, "File too large", []),
    ],
)
def test_nothing_can_be_stored(hub, errno, reason, file):
    files = [str(Path(constants.HF_HUB_CACHE, name)) for name in file]
    assert sentence("user/world", refuse(errno, reason, *files)) == (
        f"user/world cannot be stored in {constants.HF_HOME} ({reason}): set HF_HOME to another folder."
    )


def test_what_is_forbidden_elsewhere_has_nothing_to_do_with_the_hub(hub, tmp_path):
    with pytest.raises(PermissionError, match="weights.safetensors"), hub_sentences("user/world"):
        refuse(EACCES, "Permission denied", str(tmp_path / "weights.safetensors"))()
    with pytest.raises(PermissionError), hub_sentences("user/world"):
        refuse(EACCES, "Permission denied")()  # of a socket


def test_nothing_is_pushed_without_the_hub(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert sentence("user/world", lambda: hub.api.create_repo("user/world")) == (
        "Nothing can be pushed to user/world, as the Hub may not be asked (HF_HUB_OFFLINE): unset that first."
    )


def test_what_is_not_of_the_hub_is_left_alone(hub, tmp_path):
    with pytest.raises(ZeroDivisionError), hub_sentences("user/world"):
        _ = 1 / 0
    with pytest.raises(FileNotFoundError, match="nothing.txt"), hub_sentences(tmp_path):
        (tmp_path / "nothing.txt").read_text()
