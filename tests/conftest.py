"""Tiny real components, shared by all tests: 16x16 frames of 4x4 codes, a window of 4 frames, 5 actions."""

import gc
import os
import shutil
import tempfile
from contextlib import contextmanager

os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="genie-hf-datasets-")  # read when datasets is imported
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # best for models this tiny, and for tests that run side by side

import huggingface_hub
import pytest
import torch
from transformers import set_seed
from transformers.utils.hub import hf_api

from genie_hf import (
    GenieDynamicsConfig,
    GenieDynamicsModel,
    GenieLatentActionConfig,
    GenieLatentActionModel,
    GeniePipeline,
    GenieRewardConfig,
    GenieRewardModel,
    GenieVideoTokenizer,
    GenieVideoTokenizerConfig,
    MaskGITScheduler,
)
from hub_account import HubAccount

gc.freeze()  # or each training, which collects garbage at its end, would look through all that was imported


def pytest_unconfigure():
    shutil.rmtree(os.environ["HF_DATASETS_CACHE"], ignore_errors=True)


TRANSFORMER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8}


@pytest.fixture(scope="session")
def tiny_video_tokenizer():
    set_seed(0)
    config = GenieVideoTokenizerConfig(
        image_size=16, patch_size=4, num_frames=4, codebook_size=32, encoder=TRANSFORMER, decoder=TRANSFORMER
    )
    return GenieVideoTokenizer(config).eval()


@pytest.fixture(scope="session")
def tiny_latent_action_model():
    set_seed(1)
    config = GenieLatentActionConfig(
        image_size=16, patch_size=8, num_frames=4, num_actions=5, encoder=TRANSFORMER, decoder=TRANSFORMER
    )
    return GenieLatentActionModel(config).eval()


@pytest.fixture(scope="session")
def tiny_dynamics():
    set_seed(2)
    config = GenieDynamicsConfig(
        codebook_size=32,
        num_actions=5,
        grid_size=[4, 4],
        num_frames=4,
        **TRANSFORMER | {"hidden_size": 32, "num_hidden_layers": 2},
    )
    dynamics = GenieDynamicsModel(config).eval()
    torch.nn.init.normal_(dynamics.head.weight, std=0.5)  # untrained it predicts the uniform distribution
    return dynamics


@pytest.fixture(scope="session")
def tiny_reward_model():
    """Of a game that pays 10 or nothing, and ends with either."""
    set_seed(3)
    outcomes = [[0, False], [0, True], [10, True]]
    return GenieRewardModel(GenieRewardConfig(outcomes=outcomes, codebook_size=32, grid_size=[4, 4])).eval()


@pytest.fixture
def tiny_pipeline(tiny_video_tokenizer, tiny_latent_action_model, tiny_dynamics):
    pipe = GeniePipeline(
        video_tokenizer=tiny_video_tokenizer,
        latent_action_model=tiny_latent_action_model,
        dynamics=tiny_dynamics,
        scheduler=MaskGITScheduler(mask_token_id=tiny_dynamics.config.mask_token_id),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def clips():
    """Two clips of six frames, floats of shape (2, 6, 3, 16, 16), whole steps of 1/255."""
    return torch.randint(256, (2, 6, 3, 16, 16), generator=torch.Generator().manual_seed(3)) / 255


@pytest.fixture
def files_of_at_most():
    """A context in which no larger file can be written, here and in processes that start in it: "File too large"."""
    resource = pytest.importorskip("resource", reason="needs a system that limits files")

    @contextmanager
    def limit(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A user's account on a Hub of the tests' own, or on the real one if GENIE_HF_TEST_HUB_TOKEN is set.

    This process uses it as well, with a cache of its own.
    """
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub" / "cache"))
    monkeypatch.setattr(
        constants, "HF_TOKEN_PATH", str(tmp_path / "hub" / "token")
    )  # or a test without a token has one
    (tmp_path / "hub").mkdir()
    account = HubAccount(tmp_path / "hub")
    monkeypatch.setattr(constants, "ENDPOINT", account.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", account.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    for api in (huggingface_hub.hf_api.api, hf_api()):
        monkeypatch.setattr(api, "endpoint", account.url)
    monkeypatch.setenv("HF_TOKEN", account.token)
    yield account
    account.close()
