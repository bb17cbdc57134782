import json
import re

import pytest
from huggingface_hub import ModelCard

from genie_hf.hub.card import finished_card, model_card, world_card
from genie_hf.hub.files import world_files


@pytest.fixture
def files(world, tiny_pipeline):
    return world_files(world, tiny_pipeline.dynamics)


@pytest.fixture
def psnr(files):
    (measured,) = json.loads(files["metrics.json"].read_text())["data"].values()
    return measured["reconstruction"]["psnr"]


def test_the_metadata_are_those_of_recipe_and_figures(tiny_pipeline, files, psnr):
    recipe = files["recipe.yaml"]
    recipe.write_text(re.sub(r"train: \[.*\]", "train: [user/videos, a/folder/here]", recipe.read_text()))
    data = ModelCard(str(world_card(tiny_pipeline, "user/world", files, license="mit"))).data
    assert (data.library_name, data.license, data.pipeline_tag) == ("genie_hf", "mit", "image-to-video")
    assert "world-model" in data.tags and data.datasets == ["user/videos"]
    results = {result.metric_name: result for result in data.eval_results}
    assert data.model_name == "world" and len(results) == 8
    assert results["reconstruction by the video tokenizer, PSNR"].metric_value == round(psnr, 4)
    assert results["rollout with random actions, PSNR after 10 frames"].dataset_name == "test-balanced"
    assert not [name for name in results if "the same" in name]


def test_the_text_shows_what_there_is_and_nothing_else(tiny_pipeline, files, psnr):
    text = world_card(tiny_pipeline, "user/world", files).text
    linked = re.findall(r"\]\((?!http)(.+?)\)", text)
    assert set(linked) == {"evaluation.png", "action_legend.png", "recipe.yaml"} <= set(files)
    assert 'GeniePipeline.from_pretrained("user/world")' in text and "examples/noise.png" in text
    assert f"| reconstruction by the video tokenizer, PSNR | {psnr:.1f} |" in text
    assert "| 4 | left | 50% of starts |  |" in text
    assert "16x16 pixels, 15 frames a second" in text and "without action labels" in text

    bare = world_card(tiny_pipeline, "user/world", {})
    assert bare.data.eval_results is None and "](" not in bare.text.replace("](https://arxiv.org", "")
    assert "## How good" not in bare.text and "## How it was trained" not in bare.text


def test_data_on_the_hub_are_linked_and_others_called_by_their_last_name(tiny_pipeline, files):
    recipe = files["recipe.yaml"]
    data = "train: [user/videos, a/folder/here]\n  test: [a/folder/test-balanced, a/folder/not-measured]"
    recipe.write_text(re.sub(r"train: \[.*\]", data, recipe.read_text()))
    text = world_card(tiny_pipeline, "user/world", files).text
    assert "- data: [user/videos](https://huggingface.co/datasets/user/videos), `here`\n" in text
    assert "the test data of the [recipe](recipe.yaml): `test-balanced`. " in text
    assert "a/folder" not in text and "not-measured" not in text


def test_long_pictures_are_folded(tiny_pipeline, files):
    """Markdown within HTML is read only between empty lines."""
    text = world_card(tiny_pipeline, "user/world", files).text
    folded = re.findall(r"\n\n<details>\n<summary>.+</summary>\n\n!\[.+\]\((.+)\)\n\n</details>\n\n", text)
    assert folded == ["evaluation.png", "action_legend.png"]


@pytest.mark.parametrize("make", ["world", "model"])
def test_it_says_once_how_to_install_the_package(tiny_pipeline, files, make):
    model = tiny_pipeline.dynamics
    card = world_card(tiny_pipeline, "me/it", files) if make == "world" else model_card(model, "me/it")
    assert card.text.count("`pip install genie-hf`") == card.text.count("`pip install .` in its repository") == 1


def test_a_film_is_shown_first(tiny_pipeline, files, world):
    text = world_card(tiny_pipeline, "user/world", files | {"play.gif": world / "play.gif"}).text
    assert text.index("![play](play.gif)") < text.index("## Use")


def test_a_card_that_somebody_wrote_is_kept_and_lacks_no_metadata(tiny_pipeline, files):
    ours = world_card(tiny_pipeline, "user/world", files, license="mit")
    written = "---\nlicense: apache-2.0\ntags: [mine]\n---\n\n# Mine\n\nAs I wrote it.\n"
    card = finished_card(ours, written)
    assert card.text == "\n# Mine\n\nAs I wrote it.\n"
    assert (card.data.license, card.data.tags, card.data.library_name) == ("apache-2.0", ["mine"], "genie_hf")
    assert len(ModelCard(str(card)).data.eval_results) == 8
    assert finished_card(ours, "No metadata at all.").data.license == "mit"


def test_a_card_of_ours_is_renewed(tiny_pipeline, files):
    earlier = str(world_card(tiny_pipeline, "user/world", {}))
    ours = world_card(tiny_pipeline, "user/world", files)
    assert finished_card(ours, earlier) is ours


def test_a_license_that_an_earlier_card_names_is_kept(tiny_pipeline):
    earlier = str(world_card(tiny_pipeline, "user/world", {}, license="mit"))
    assert finished_card(world_card(tiny_pipeline, "user/world", {}), None, earlier).data.license == "mit"
    assert finished_card(world_card(tiny_pipeline, "user/world", {}, license="bsd"), earlier).data.license == "bsd"


def test_what_somebody_wrote_comes_before_a_card_of_ours(tiny_pipeline):
    ours = str(world_card(tiny_pipeline, "user/world", {}))
    assert finished_card(world_card(tiny_pipeline, "user/world", {}), ours, "# Mine", "# Theirs").text == "# Mine"


def test_a_model_says_what_loads_it(tiny_dynamics):
    card = model_card(tiny_dynamics, "user/dynamics")
    assert 'GenieDynamicsModel.from_pretrained("user/dynamics")' in card.text
    assert "More Information Needed" not in card.text and card.data.library_name == "genie_hf"
