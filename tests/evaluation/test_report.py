import copy
import json
import math

import PIL.Image
import pytest
import torch
from datasets import Dataset

from genie_hf.evaluation import evaluate
from genie_hf.evaluation.report import predict_next
from genie_hf.fingerprint import fingerprint


def recording(pixels, actions=None):
    """A recording with one episode per clip, from uint8 pixels (num_clips, num_frames, 3, height, width)."""
    rows = []
    for episode, clip in enumerate(pixels):
        row = {"frames": clip.permute(0, 2, 3, 1).contiguous().numpy().tobytes(), "num_frames": len(clip)}
        row |= {"height": clip.shape[2], "width": clip.shape[3], "level_seed": 0, "episode": episode, "start": 0}
        row["policy"] = "random"
        if actions is not None:
            row["actions"] = [*actions[episode].tolist(), 4]
        rows.append(row)
    return Dataset.from_list(rows)


def recording_folder(folder, pixels, actions, settings):
    recording(pixels, actions).save_to_disk(folder)
    (folder / "recording.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def random_video():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (6, 6, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return pixels, torch.randint(15, (6, 5), generator=generator)


SMALL = {"num_clips": 5, "num_rollouts": 3, "horizon": 4, "num_random_draws": 2, "batch_size": 2}
SMALL |= {"long_horizon": 5, "num_long_rollouts": 2}
SMALL |= {"num_inference_steps": 2, "num_speed_steps": 2}


def test_a_saved_evaluation_holds_every_figure(tiny_pipeline, random_video, tmp_path):
    pixels, actions = random_video
    data = {"labelled": recording(pixels, actions), "unlabelled": recording(pixels)}
    result = evaluate(tiny_pipeline, data, tmp_path, ceilings={"labelled": 0.9}, **SMALL)
    saved = json.loads((tmp_path / "metrics.json").read_text())
    assert saved == {"dynamics_fingerprint": fingerprint(tiny_pipeline.dynamics)} | result
    assert result["settings"]["num_inference_steps"] == 2
    assert result["settings"]["temperature"] == tiny_pipeline.scheduler.config.temperature
    assert result["speed"]["frames_per_second"] > 0 and result["speed"]["device"]

    labelled, unlabelled = result["data"]["labelled"], result["data"]["unlabelled"]
    assert labelled["reconstruction"]["num_frames"] == 5 * 4  # the tokenizer's window has four frames
    for rollout in labelled["rollout"].values():
        assert [len(rollout[key]) for key in ("psnr", "psnr_frame_mean", "ssim")] == [4, 4, 4]
    assert len(labelled["delta_psnr"]["delta_psnr"]) == 4
    assert sum(labelled["latent_actions"]["shares"]) == pytest.approx(1)
    assert labelled["latent_actions"]["agreement"]["ceiling"] == 0.9
    assert (
        sum(map(sum, labelled["latent_actions"]["agreement"]["counts"])) == 5 * 2
    )  # the two first transitions are left out
    assert labelled["latent_actions"]["true_actions"] is None  # nothing gave them names
    read = labelled["action_control"]["latent_action_model"]
    assert {kind: sum(found["given"]) for kind, found in read.items()} == {
        "reconstruction": 3 * 3,
        **dict.fromkeys(("aligned_actions", "shuffled_actions", "shifted_actions", "constant_actions"), 3 * 4),
        "random_actions": 2 * 3 * 4,
    }
    assert labelled["persistence"]["horizons"] == [1, 2, 5]
    assert len(labelled["persistence"]["constant_actions"]["colours"]) == 3
    assert set(labelled["leakage"]) == {"inferred_actions", "shuffled_actions", "copy_last_frame"}

    assert (
        "agreement" not in unlabelled["latent_actions"] and "no true actions" in unlabelled["latent_actions"]["note"]
    )
    assert unlabelled["reconstruction"] == labelled["reconstruction"]
    with PIL.Image.open(tmp_path / "evaluation.png") as picture:
        assert picture.width > 5 * 64 and picture.height > 6 * 7 * 64


def test_no_transition_is_measured_twice(tiny_pipeline):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (2, 23, 3, 16, 16), generator=generator, dtype=torch.uint8)
    data = recording(pixels, torch.randint(15, (2, 22), generator=generator))
    figures = evaluate(tiny_pipeline, data, **SMALL | {"num_clips": 100})["data"]["data"]
    assert figures["num_clips"] == 2 * 19 and 2 * 3 <= figures["latent_actions"]["num_transitions"] / 4 <= 2 * 4


def test_the_same_seed_gives_the_same_figures(tiny_pipeline, random_video):
    data = recording(*random_video)
    first, again, other = (evaluate(tiny_pipeline, data, seed=seed, **SMALL)["data"] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_world_that_ignores_actions_has_no_controllability(tiny_pipeline, random_video):
    dynamics = copy.deepcopy(tiny_pipeline.dynamics)
    torch.nn.init.zeros_(dynamics.action_embedding.weight)
    pipe = type(tiny_pipeline)(**tiny_pipeline.components | {"dynamics": dynamics})
    pipe.set_progress_bar_config(disable=True)
    data = recording(*random_video)
    figures = evaluate(pipe, data, **SMALL)["data"]["data"]
    assert figures["delta_psnr"]["delta_psnr"] == [0] * 4
    assert figures["rollout"]["aligned_actions"]["psnr"] == pytest.approx(figures["rollout"]["random_actions"]["psnr"])


def test_copying_the_first_frame_is_the_baseline_of_rollouts(tiny_pipeline):
    levels = torch.arange(5, dtype=torch.uint8) * 10
    pixels = levels.view(1, 5, 1, 1, 1).expand(3, 5, 3, 16, 16)
    data = recording(pixels)
    rollout = evaluate(tiny_pipeline, data, **SMALL)["data"]["data"]["rollout"]
    expected = [-20 * math.log10(10 * t / 255) for t in range(1, 5)]
    assert rollout["copy_first_frame"]["psnr"] == pytest.approx(expected, abs=1e-3)


def test_shuffled_actions_change_the_prediction(tiny_pipeline, clips):
    model = copy.deepcopy(tiny_pipeline.latent_action_model)
    torch.nn.init.normal_(model.head.weight, std=0.5)  # untrained it copies the last frame
    tiny_pipeline.latent_action_model = model
    generator = torch.Generator().manual_seed(0)
    frames = clips[:, :4]
    with torch.no_grad():
        right, shuffled = predict_next(tiny_pipeline, frames, generator)
        assert torch.allclose(right, model(frames).reconstruction, atol=1e-5)
    assert right.shape == frames[:, 1:].shape
    assert not torch.allclose(right, shuffled)


def test_a_recording_names_and_groups_its_own_actions(tiny_pipeline, random_video, tmp_path):
    pixels, actions = random_video
    table = {"action_groups": [button % 3 for button in range(15)], "action_group_names": ["a", "b", "c"]}
    data = recording_folder(tmp_path / "data", pixels, actions, table)
    reference = recording_folder(tmp_path / "reference", pixels.flip(1), actions, table)
    ungrouped = evaluate(tiny_pipeline, recording(pixels, actions % 7), **SMALL)["data"]["data"]["latent_actions"]
    assert len(ungrouped["agreement"]["counts"][0]) == 7

    result = evaluate(tiny_pipeline, data, reference=reference, num_reference_steps=2, **SMALL)
    found = result["data"]["data"]
    assert found["latent_actions"]["true_actions"] == ["a", "b", "c"]
    assert len(found["latent_actions"]["agreement"]["counts"][0]) == 3
    read = found["action_control"]["reference_classifier"]
    assert set(read) == {"data", "aligned_actions", "shuffled_actions", "shifted_actions"}
    assert found["latent_actions"]["agreement"]["ceiling"] == read["data"]["accuracy"]
    assert sum(read["data"]["given"]) == 5 * 2 and sum(read["aligned_actions"]["given"]) == 3 * 2


def test_a_world_without_long_episodes_is_measured_without_them(tiny_pipeline, random_video):
    figures = evaluate(tiny_pipeline, recording(*random_video), **SMALL | {"long_horizon": 6})["data"]["data"]
    assert figures["persistence"] == {
        "note": "Not measured: 6 steps were asked for, and the longest episode has 6 frames."
    }


def test_what_cannot_be_evaluated_is_said_before_anything_is_measured(tiny_pipeline, random_video, tmp_path):
    data = recording(*random_video)
    taken = tmp_path / "file"
    taken.write_text("")
    other = recording_folder(tmp_path / "other", *random_video, {"action_groups": [0] * 15})
    for message, change in {
        "num_frames=8 frames; the longest has 6": {"horizon": 7},
        "horizon is 1": {"horizon": 1},
        "num_rollouts is 0; choose at least 1": {"num_rollouts": 0},
        "num_inference_steps": {"num_inference_steps": 0, "long_horizon": 0},
        f"nothing can be written to {taken}": {"output": taken},
        "a ceiling for nothing, but the data is data": {"ceilings": {"nothing": 0.5}},
        "give one of them": {"ceilings": {"data": 0.5}, "reference": data},
        "the reference data has no true actions": {"reference": recording(random_video[0])},
        "groups its actions differently from data": {"reference": other},
        "a classifier learns from the reference, and 6 of 6 held-out pieces": {"reference": data},
        "a reference needs a horizon of 3 or more, got 2": {"reference": data, "horizon": 2},
    }.items():
        with pytest.raises(ValueError, match=message):
            evaluate(tiny_pipeline, data, **{"horizon": 4} | change)
    with pytest.raises(ValueError, match="none of the data has true actions"):
        evaluate(tiny_pipeline, recording(random_video[0]), reference=data, horizon=3)


def test_a_world_that_learnt_from_recorded_actions_is_played_with_them(tiny_pipeline, random_video, tmp_path):
    tiny_pipeline.latent_action_model = None
    pixels, actions = random_video
    table = {"action_groups": [button % 3 for button in range(15)], "action_group_names": ["a", "b", "c"]}
    data = recording_folder(tmp_path / "data", pixels, actions, table)
    reference = recording_folder(tmp_path / "reference", pixels.flip(1), actions, table)
    result = evaluate(tiny_pipeline, data, tmp_path / "out", reference=reference, num_reference_steps=2, **SMALL)
    figures = result["data"]["data"]
    assert set(figures).isdisjoint({"latent_actions", "leakage"})
    assert set(figures["action_control"]) == {"reference_classifier"}
    read = figures["action_control"]["reference_classifier"]["aligned_actions"]
    assert len(read["given"]) == 3 and sum(read["given"]) == 3 * 2
    assert (tmp_path / "out" / "evaluation.png").exists()

    backwards = recording_folder(tmp_path / "backwards", pixels, 14 - actions, table)
    other = evaluate(tiny_pipeline, backwards, **SMALL)["data"]["backwards"]
    assert other["reconstruction"] == figures["reconstruction"]
    assert other["rollout"]["aligned_actions"] != figures["rollout"]["aligned_actions"]
    assert other["rollout"]["random_actions"] == figures["rollout"]["random_actions"]


def test_data_of_another_pace_are_told(tiny_pipeline, random_video, tmp_path, caplog):
    fps = tiny_pipeline.config.fps
    for rate, told in ((fps, False), (3 * fps, True)):
        data = recording_folder(tmp_path / f"{rate}", *random_video, {"frame_rate": rate})
        evaluate(tiny_pipeline, data, **SMALL)
        assert (f"has {rate:.3g} frames a second and the world {fps:.3g}" in caplog.text) == told


def test_one_clip_has_no_other_clips_actions(tiny_pipeline, random_video):
    figures = evaluate(tiny_pipeline, recording(*random_video), **SMALL | {"num_rollouts": 1})["data"]["data"]
    assert "shuffled_actions" not in figures["rollout"] and "shifted_actions" in figures["rollout"]


def test_a_world_that_learnt_from_recorded_actions_needs_them(tiny_pipeline, random_video):
    tiny_pipeline.latent_action_model = None
    pixels, actions = random_video
    with pytest.raises(ValueError, match="no latent_action_model .* data has no recorded ones: name a recording"):
        evaluate(tiny_pipeline, recording(pixels), **SMALL)
    with pytest.raises(ValueError, match=r"data has 15 actions, and the world has learnt \d: name a recording"):
        evaluate(tiny_pipeline, recording(pixels, torch.full_like(actions, 14)), **SMALL)
