import pytest

from genie_hf.hub.files import check_plays, is_replaced, world_files

PUBLISHED = [
    "action_legend.json",
    "action_legend.png",
    "dynamics/config.json",
    "dynamics/model.safetensors",
    "evaluation.png",
    "examples/noise.png",
    "latent_action_model/config.json",
    "latent_action_model/model.safetensors",
    "metrics.json",
    "model_index.json",
    "recipe.yaml",
    "scheduler/scheduler_config.json",
    "video_tokenizer/config.json",
    "video_tokenizer/model.safetensors",
]


def test_checkpoints_pickles_and_what_is_hidden_stay_at_home(world, tiny_pipeline):
    assert list(world_files(world, tiny_pipeline.dynamics)) == PUBLISHED


def test_the_recipe_is_whole(world, tiny_pipeline):
    own, run = world / "recipe.yaml", world / "runs" / "world" / "recipe.yaml"
    run.write_text(own.read_text())
    assert world_files(world, tiny_pipeline.dynamics)["recipe.yaml"] == own
    own.write_text(own.read_text().replace("image_size: 64", "image_size: 64\n  test: [data/later]"))
    assert world_files(world, tiny_pipeline.dynamics)["recipe.yaml"] == own
    run.write_text(own.read_text().replace("data/tiny", "data/other"))  # the run was told to take other data
    assert world_files(world, tiny_pipeline.dynamics)["recipe.yaml"] == run
    own.write_text("extends: ../other\n")
    assert world_files(world, tiny_pipeline.dynamics)["recipe.yaml"] == run
    own.unlink()
    assert world_files(world, tiny_pipeline.dynamics)["recipe.yaml"] == run
    own.write_text(run.read_text())
    (world / "runs" / "reward").mkdir()
    of_reward = run.rename(world / "runs" / "reward" / "recipe.yaml")
    of_reward.write_text(own.read_text().replace("data/other", "data/expert"))  # what came after the world
    assert world_files(world, tiny_pipeline.dynamics)["recipe.yaml"] == own
    own.unlink()
    of_reward.unlink()
    assert "recipe.yaml" not in world_files(world, tiny_pipeline.dynamics)


def test_figures_of_other_dynamics_stay_at_home_with_their_pictures(world, tiny_pipeline):
    file = world / "metrics.json"
    file.write_text(file.read_text().replace('"dynamics_fingerprint": "', '"dynamics_fingerprint": "0'))
    assert set(PUBLISHED) - set(world_files(world, tiny_pipeline.dynamics)) == {"metrics.json", "evaluation.png"}


def test_what_an_earlier_state_left_goes_and_what_others_put_there_stays(world, tiny_pipeline):
    files = world_files(world, tiny_pipeline.dynamics)
    gone = ("dynamics/model-00001-of-00002.safetensors", "examples/old.png", "action_names.json")
    gone += ("pipeline_genie.py", "modeling_motion_action.py", "dynamics/modeling_dynamics.py")  # its code
    stays = ("README.md", "handler.py", ".gitattributes", "poster.png", "onnx/dynamics.onnx")
    assert all(is_replaced(name, files) for name in gone)
    assert not any(is_replaced(name, files) for name in stays)


def test_a_world_is_played_from_its_example(world, tiny_pipeline):
    check_plays(tiny_pipeline, world)
    (world / "examples" / "noise.png").write_text("no picture")
    with pytest.raises(ValueError, match="noise.png' cannot be read as an image"):
        check_plays(tiny_pipeline, world)
