"""The folder of the page is a Hugging Face Space: what the Hub reads of it is valid."""

from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from PIL import Image

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces_app"
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def card():
    _, front_matter, body = (SPACE / "README.md").read_text().split("---\n", 2)
    assert body.strip()
    return yaml.safe_load(front_matter)


@pytest.fixture(scope="module")
def requirements():
    lines = (line.split("#")[0].strip() for line in (SPACE / "requirements.txt").read_text().splitlines())
    return {requirement.name: requirement.specifier for requirement in map(Requirement, filter(None, lines))}


def version_in_constraints(package):
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return next(line.split("==")[1] for line in lines if line.startswith(f"{package}=="))


def test_the_app_is_there(card):
    assert card["sdk"] == "gradio"
    assert (SPACE / card["app_file"]).is_file()


def test_gradio_is_the_version_that_is_tested(card, requirements):
    assert card["sdk_version"] == version_in_constraints("gradio")
    assert "gradio" not in requirements


def test_python_is_one_that_the_package_runs_on(card):
    assert card["python_version"].startswith(("3.11.", "3.12."))


def test_the_card_is_what_the_hub_accepts(card):
    assert len(card["short_description"]) <= 60
    assert {card["colorFrom"], card["colorTo"]} <= COLORS
    assert card["header"] in ("mini", "default") and card["pinned"] is False
    assert all(len(model.split("/")) == 2 for model in card["models"])


def test_torch_is_one_that_zerogpu_runs(requirements):
    assert {"genie-hf", "spaces"} <= set(requirements)
    assert {version: version in requirements["torch"] for version in ("2.7.1", "2.8.0", "2.11.0", "2.12.0")} == {
        "2.7.1": False,
        "2.8.0": True,
        "2.11.0": True,
        "2.12.0": False,
    }


def test_each_start_picture_is_small_square_and_named_with_its_licence():
    credits = (SPACE / "pictures" / "README.md").read_text()
    paths = [path for path in (SPACE / "pictures").iterdir() if path.suffix in (".png", ".jpg")]
    assert len(paths) >= 3
    for path in paths:
        assert f"`{path.name}`" in credits
        assert Image.open(path).size == (256, 256) and path.stat().st_size < 30_000
