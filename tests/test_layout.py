"""Tests mirror the sources name by name.

`src/genie_hf/play/world.py` is tested in `tests/play/test_world.py`, `spaces_app/service.py` in
`tests/spaces_app/test_service.py`.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent

# What is small, or shows only in another's work, is tested there.
ELSEWHERE = {
    "agents/cloning_study.py": "agents/test_cloning_report.py",
    "agents/demonstrations.py": "agents/test_cloning.py",
    "agents/dream_study.py": "agents/test_dream_report.py",
    "agents/episodes.py": "agents/test_vector_env.py",
    "agents/registration.py": "agents/test_env.py",
    "agents/window.py": "agents/test_env.py",
    "cli/training.py": "training/test_command.py",
    "drawing/figures.py": "agents/test_cloning_report.py",
    "data/coinrun/buttons.py": "data/coinrun/test_recording.py",
    "data/coinrun/card.py": "data/coinrun/test_recording.py",
    "data/coinrun/shards.py": "data/coinrun/test_recording.py",
    "data/image_rows.py": "data/test_images.py",
    "data/lerobot_images.py": "data/test_lerobot.py",
    "hub/stand_in.py": "hub/test_bundle.py",
    "named_pipeline.py": "cli/test_shared.py",
    "model_index.py": "hub/test_remote_code.py",
    "models/configuration_autoencoder.py": "models/test_modeling_video_tokenizer.py",
    "models/configuration_dynamics.py": "models/test_modeling_dynamics.py",
    "models/configuration_latent_action.py": "models/test_modeling_latent_action.py",
    "models/configuration_latent_action_base.py": "models/test_modeling_latent_action.py",
    "models/configuration_motion_action.py": "models/test_modeling_motion_action.py",
    "models/configuration_reward.py": "models/test_modeling_reward.py",
    "models/configuration_st_transformer.py": "models/test_st_transformer.py",
    "models/configuration_video_tokenizer.py": "models/test_modeling_video_tokenizer.py",
    "models/entries.py": "conformance/test_offloading.py",
    "models/latent_action_base.py": "models/test_modeling_latent_action.py",
    "models/latent_action_output.py": "models/test_modeling_latent_action.py",
    "models/latent_actions.py": "training/test_latent_action_stage.py",
    "models/modeling_autoencoder.py": "models/test_modeling_video_tokenizer.py",
    "models/precision.py": "test_pipeline_genie.py",
    "models/quantizers/batch_norm.py": "models/quantizers/test_processes.py",
    "models/quantizers/quantizer.py": "models/quantizers/test_vector_quantizer.py",
    "models/window.py": "models/test_st_transformer.py",
    "pipeline_checks.py": "test_pipeline_genie.py",
    "pipeline_storage.py": "hub/test_loading.py",
    "play/history.py": "play/test_world.py",
    "play/world_cache.py": "play/test_world.py",
    "precision.py": "test_pipeline_genie.py",
    "spaces_app/engine.py": "spaces_app/test_batch_engine.py",
    "spaces_app/script.py": "spaces_app/test_player.py",
    "spaces_app/step_request.py": "spaces_app/test_batch_engine.py",
    "stored_pipeline.py": "test_pipeline_genie.py",
    "training/recipe.py": "training/test_recipe_file.py",
    "training/stages.py": "training/test_stages_in_turn.py",
    "training/tokenizer_stage.py": "training/test_stages_in_turn.py",
    "training/world_stage.py": "training/test_stages_in_turn.py",
}


def sources() -> list[str]:
    package = ROOT / "src" / "genie_hf"
    found = [path.relative_to(package) for path in package.rglob("*.py") if not path.name.startswith("__")]
    found += [path.relative_to(ROOT) for path in ROOT.glob("spaces_app/*.py")]
    return sorted(path.as_posix() for path in found)


@pytest.mark.parametrize("source", sources())
def test_every_source_has_its_tests(source):
    folder, _, name = source.rpartition("/")
    mirrored = f"{folder}/test_{name}".lstrip("/")
    assert (TESTS / ELSEWHERE.get(source, mirrored)).exists()
    assert not (source in ELSEWHERE and (TESTS / mirrored).exists()), f"{source} has tests of its own by now"


def test_only_what_exists_is_tested_elsewhere():
    assert ELSEWHERE.keys() <= set(sources())
