"""`push_to_hub` of a world and of its models."""

import pytest
import torch
from huggingface_hub import ModelCard

from genie_hf import GenieDynamicsModel, GeniePipeline
from genie_hf.hub.card import MARK

MINE = "---\nlicense: mit\n---\n\n# Mine\n"


@pytest.fixture
def name(hub):
    return hub.new_name()


def test_a_world_goes_with_what_lies_beside_it_and_comes_back(hub, name, world, clips):
    pipe = GeniePipeline.from_pretrained(world)
    pipe.push_to_hub(name, private=True)
    files = hub.files(name)
    assert {"examples/noise.png", "metrics.json", "action_legend.png", "recipe.yaml"} <= set(files)
    assert not {"notes.pkl", "runs/world/checkpoint-2/model.safetensors"} & set(files)
    card = ModelCard(files["README.md"].decode())
    assert "More Information Needed" not in card.text and MARK in card.text
    assert card.data.library_name == "genie_hf" and card.data.eval_results
    assert len(hub.commits(name)) == 2 and hub.api.model_info(name).private

    loaded = GeniePipeline.from_pretrained(name)
    for ours, theirs in ((pipe.dynamics, loaded.dynamics), (pipe.video_tokenizer, loaded.video_tokenizer)):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_a_card_that_is_there_is_kept(hub, name, world, tiny_pipeline):
    hub.api.create_repo(name)
    hub.api.upload_file(path_or_fileobj=MINE.encode(), path_in_repo="README.md", repo_id=name)
    tiny_pipeline.push_to_hub(name)
    card = ModelCard(hub.files(name)["README.md"].decode())
    assert card.text == "\n# Mine\n" and (card.data.license, card.data.library_name) == ("mit", "genie_hf")


def test_a_card_of_the_folder_goes_along(hub, name, world):
    (world / "README.md").write_text(MINE)
    GeniePipeline.from_pretrained(world).push_to_hub(name)
    assert ModelCard(hub.files(name)["README.md"].decode()).text == "\n# Mine\n"
    assert (world / "README.md").read_text() == MINE


def test_figures_measured_before_the_last_training_stay_at_home(hub, name, world):
    pipe = GeniePipeline.from_pretrained(world)
    with torch.no_grad():
        pipe.dynamics.head.weight.mul_(2)
    pipe.push_to_hub(name)
    files = hub.files(name)
    assert "metrics.json" not in files and "examples/noise.png" in files
    assert ModelCard(files["README.md"].decode()).data.eval_results is None


def test_saving_pushes_the_same(hub, name, tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(str(tmp_path / "saved"), push_to_hub=True, repo_id=name)
    assert MARK in hub.files(name)["README.md"].decode()
    assert not (tmp_path / "saved" / "README.md").exists()


def test_subfolders_variants_and_pull_requests_as_diffusers_has_them(hub, name, tiny_pipeline):
    tiny_pipeline.push_to_hub(name)
    tiny_pipeline.push_to_hub(name, variant="bf16")
    tiny_pipeline.push_to_hub(name, subfolder="earlier")
    files = hub.files(name)
    assert {"dynamics/model.safetensors", "dynamics/model.bf16.safetensors", "earlier/model_index.json"} <= set(files)
    assert "earlier/README.md" not in files
    info = tiny_pipeline.push_to_hub(name, subfolder="proposed", create_pr=True, commit_message="Look at this")
    assert info.pr_url and "proposed/model_index.json" not in hub.files(name)


def test_a_model_goes_with_a_card(hub, name, tiny_dynamics):
    info = tiny_dynamics.push_to_hub(name, tags=["mine"], revision="try", commit_message="First")
    files = hub.files(name, "try")
    card = ModelCard(files["README.md"].decode())
    assert info.commit_message == "First" and set(files) == {"README.md", "config.json", "model.safetensors"}
    assert MARK in card.text and {"mine", "world-model"} <= set(card.data.tags)
    loaded = GenieDynamicsModel.from_pretrained(name, revision="try")
    assert torch.equal(loaded.head.weight, tiny_dynamics.head.weight)


def test_a_models_card_that_is_there_is_kept_and_gets_the_tags(hub, name, tiny_dynamics):
    hub.api.create_repo(name)
    hub.api.upload_file(path_or_fileobj=MINE.encode(), path_in_repo="README.md", repo_id=name)
    tiny_dynamics.push_to_hub(name, tags=["more"])
    card = ModelCard(hub.files(name)["README.md"].decode())
    assert card.text == "\n# Mine\n" and card.data.tags == ["more"] and card.data.library_name == "genie_hf"
