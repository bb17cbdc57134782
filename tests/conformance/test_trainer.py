"""transformers' own `Trainer` on our clips, with nothing in between."""

import copy

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import default_collate
from transformers import Trainer, TrainingArguments

from genie_hf.data import VideoDataset
from genie_hf.drawing import to_mp4


@pytest.fixture
def clips(tiny_pipeline, tmp_path):
    """Clips of two videos that the world has played, as files."""
    (tmp_path / "videos").mkdir()
    for seed in range(2):
        output = tiny_pipeline(torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(seed)), [1] * 6)
        (tmp_path / "videos" / f"{seed}.mp4").write_bytes(to_mp4(output.frames[0], fps=15))
    return VideoDataset(tmp_path / "videos", num_frames=4, image_size=16)


def arguments(folder, **values):
    return TrainingArguments(
        folder,
        max_steps=4,
        per_device_train_batch_size=4,
        per_device_eval_batch_size=4,
        eval_strategy="steps",
        eval_steps=2,
        save_steps=2,
        load_best_model_at_end=True,
        learning_rate=1e-3,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        **values,
    )


def test_each_model_trains_is_evaluated_and_the_best_is_kept(part, clips, tiny_pipeline, tmp_path):
    model, _ = part

    def encode(items):
        pixels = default_collate(items)["pixels"]
        codes = tiny_pipeline.video_tokenizer.encode(pixels)
        return model.training_inputs(codes, tiny_pipeline.latent_action_model.infer_actions(pixels))

    collate, values = None, {}
    if model.main_input_name == "codes":  # the Trainer would take the pixels away from the collator
        collate, values = encode, {"remove_unused_columns": False}
    before = {name: p.clone() for name, p in model.named_parameters()}
    trainer = Trainer(
        model, arguments(tmp_path, **values), train_dataset=clips, eval_dataset=clips, data_collator=collate
    )
    trainer.train()
    losses = [line["eval_loss"] for line in trainer.state.log_history if "eval_loss" in line]
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert trainer.state.best_model_checkpoint is not None
    assert all(loss < 20 for loss in losses)  # uint8 pixels are scaled
    assert any(not torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_accumulated_passes_are_averaged_not_summed(part, clips, tmp_path):
    """The Trainer leaves the mean to a model that takes any keyword; ours take none that they do not know."""
    model, _ = part
    assert not Trainer(model, arguments(tmp_path), train_dataset=clips, eval_dataset=clips).model_accepts_loss_kwargs


@pytest.mark.parametrize("name", ["pixels", "pixel_values_videos"])
def test_a_hub_dataset_of_arrays_trains_the_tokenizer(name, tiny_pipeline, tmp_path):
    pixels = torch.randint(256, (4, 4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = Dataset.from_dict({name: pixels.numpy()}).with_format("torch", dtype=torch.uint8)
    model = copy.deepcopy(tiny_pipeline.video_tokenizer)  # the Trainer changes its configuration
    trainer = Trainer(model, arguments(tmp_path), train_dataset=rows, eval_dataset=rows)
    assert trainer.evaluate()["eval_loss"] < 20
