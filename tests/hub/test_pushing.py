"""`push_to_hub` of a world and of its models."""

import pytest
import torch
from diffusers import DiffusionPipeline
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
    assert not [file for file, content in files.items() if str(world).encode() in content]  # a path is private
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


def test_saving_pushes_the_same_and_leaves_the_folders_card_alone(hub, name, tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "saved", push_to_hub=True, repo_id=name, commit_message="Saved")
    assert MARK in hub.files(name)["README.md"].decode() and hub.api.list_repo_commits(name)[0].title == "Saved"
    assert not (tmp_path / "saved" / "README.md").exists()
    (tmp_path / "saved" / "README.md").write_text(MINE)
    tiny_pipeline.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "README.md").read_text() == MINE
    tiny_pipeline.save_pretrained(tmp_path / "saved", push_to_hub=True, repo_id=name)
    assert (tmp_path / "saved" / "README.md").read_text() == MINE
    assert ModelCard(hub.files(name)["README.md"].decode()).text == "\n# Mine\n"


@pytest.mark.parametrize("loader", [GeniePipeline, DiffusionPipeline])
def test_a_world_of_the_hub_goes_on_with_what_lay_beside_it(hub, name, world, loader):
    GeniePipeline.from_pretrained(world).push_to_hub(name)
    other = hub.new_name()
    loader.from_pretrained(name).push_to_hub(other)
    before, after = hub.files(name), hub.files(other)
    assert {"examples/noise.png", "metrics.json", "action_legend.png", "recipe.yaml"} <= set(before) == set(after)
    assert {file for file in before if before[file] != after[file]} == {"README.md"}
    assert after["README.md"].decode() == before["README.md"].decode().replace(name, other).replace(
        name.split("/")[1], other.split("/")[1]
    )


def test_a_card_of_the_hub_goes_on_unless_there_is_another(hub, name, world):
    (world / "README.md").write_text(MINE)
    GeniePipeline.from_pretrained(world).push_to_hub(name)
    pipe, other = GeniePipeline.from_pretrained(name), hub.new_name()
    pipe.push_to_hub(other)
    assert ModelCard(hub.files(other)["README.md"].decode()).text == "\n# Mine\n"
    hub.api.upload_file(path_or_fileobj=b"# Theirs\n", path_in_repo="README.md", repo_id=other)
    pipe.push_to_hub(other)
    assert ModelCard(hub.files(other)["README.md"].decode()).text.strip() == "# Theirs"


def test_figures_of_the_hub_are_not_those_of_weights_trained_since(hub, name, world):
    GeniePipeline.from_pretrained(world).push_to_hub(name)
    pipe, other = GeniePipeline.from_pretrained(name), hub.new_name()
    with torch.no_grad():
        pipe.dynamics.head.weight.mul_(2)
    pipe.push_to_hub(other)
    assert "metrics.json" not in hub.files(other) and "examples/noise.png" in hub.files(other)


def test_weights_are_not_lost_for_what_lay_beside_them(hub, name, world, caplog):
    GeniePipeline.from_pretrained(world).push_to_hub(name)
    pipe, other = GeniePipeline.from_pretrained(name), hub.new_name()
    hub.api.delete_repo(name)
    pipe.push_to_hub(other)
    assert f"no {name} on the Hub" in caplog.text and "without what lies beside it there" in caplog.text
    assert "dynamics/model.safetensors" in hub.files(other) and "metrics.json" not in hub.files(other)


def test_what_is_in_the_way_is_one_sentence(hub, name, tiny_pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    for push in (
        lambda: tiny_pipeline.push_to_hub(name),
        lambda: tiny_pipeline.save_pretrained(tmp_path, push_to_hub=True, repo_id=name),
        lambda: tiny_pipeline.dynamics.push_to_hub(name),
        lambda: tiny_pipeline.dynamics.save_pretrained(tmp_path, push_to_hub=True, repo_id=name),
    ):
        with pytest.raises(OSError, match="^The Hub does not know the token that it was given: make one at"):
            push()


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
    mine = MINE.replace("license: mit", "tags: [mine]")
    hub.api.upload_file(path_or_fileobj=mine.encode(), path_in_repo="README.md", repo_id=name)
    tiny_dynamics.push_to_hub(name, tags=["more"])
    card = ModelCard(hub.files(name)["README.md"].decode())
    assert card.text == "\n# Mine\n" and card.data.tags == ["mine", "more"] and card.data.library_name == "genie_hf"


def test_saving_a_model_pushes_it_with_the_folders_card_and_nothing_else(hub, name, tiny_dynamics, tmp_path):
    (tmp_path / "README.md").write_text(MINE)
    (tmp_path / "notes.json").write_text("{}")
    tiny_dynamics.save_pretrained(tmp_path, push_to_hub=True, repo_id=name, private=True)
    assert (tmp_path / "README.md").read_text() == MINE and hub.api.model_info(name).private
    assert set(hub.files(name)) == {"README.md", "config.json", "model.safetensors"}
    assert ModelCard(hub.files(name)["README.md"].decode()).text == "\n# Mine\n"
    tiny_dynamics.save_pretrained(tmp_path, is_main_process=False, push_to_hub=True, repo_id=name + "-too")
    assert not hub.api.repo_exists(name + "-too")
