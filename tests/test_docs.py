"""The documentation: its reference has every public name, and its Python runs."""

import importlib
import re
from pathlib import Path

import pytest

from recorded import record_squares

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["genie_hf", "genie_hf.data", "genie_hf.evaluation", "genie_hf.training"])
def test_every_public_name_is_in_the_reference_once(package):
    pages = "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    named = re.findall(rf"^::: {re.escape(package)}\.(\w+)$", pages, re.MULTILINE)
    assert sorted(named) == sorted(importlib.import_module(package).__all__)


def python_of(page):
    return re.findall(r"```python\n(.+?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def test_the_guide_to_python_runs(tmp_path, monkeypatch):
    (tmp_path / "pipelines").symlink_to(ROOT / "pipelines")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec("\n".join(python_of("python.md")), names)
    assert len(names["first"]) == 4
    assert names["choices"] and len(names["choices"]) == names["pipe"].num_actions
    assert (tmp_path / "dusk.gif").exists()


@pytest.mark.slow
def test_the_guide_to_agents_runs(tmp_path, monkeypatch):
    for module in ("procgen", "pygame"):
        pytest.importorskip(module)
    (tmp_path / "pipelines").symlink_to(ROOT / "pipelines")
    record_squares(tmp_path / "data" / "test-balanced", (0, 2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # a window that nobody sees
    smaller = {"num_envs=16": "num_envs=2", ", 16,": ", 2,", "envs(16": "envs(2", "n_steps=64": "n_steps=2",
               "10_000": "4", "horizon=8": "horizon=1, num_plans=8, num_rounds=1"}  # fmt: skip
    code = "\n".join(python_of("agents.md"))
    for large, small in smaller.items():
        assert large in code
        code = code.replace(large, small)
    names = {}
    exec(code, names)
    assert len(names["video"]) == 12 and names["plan"].frames.shape[1:] == (3, 64, 64)
    assert names["agent"].num_timesteps >= 4


def test_the_python_of_the_guide_to_publishing_runs(hub, tiny_pipeline, tmp_path, monkeypatch):
    tiny_pipeline.save_pretrained(tmp_path / "pipelines" / "my-world")
    monkeypatch.chdir(tmp_path)
    told = {"user/my-world": hub.new_name(), "user/my-dynamics": hub.new_name(), "hf_...": hub.token}
    push, load = (re.sub("|".join(map(re.escape, told)), lambda f: told[f[0]], c) for c in python_of("publishing.md"))
    exec("from genie_hf import GeniePipeline\n" + push)
    hub.api.create_tag(told["user/my-world"], tag="v1")
    names = {}
    exec(load, names)
    assert names["pipe"].scheduler.config.temperature == 0
