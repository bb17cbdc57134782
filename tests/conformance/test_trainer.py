"""transformers' own `Trainer` on our clips, with nothing in between."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import default_collate
from transformers import Trainer, TrainingArguments


class Clips(torch.utils.data.Dataset):
    """What a `VideoDataset` gives."""

    def __init__(self, count):
        generator = torch.Generator().manual_seed(count)
        self.pixels = torch.randint(256, (count, 4, 3, 16, 16), dtype=torch.uint8, generator=generator)

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return {"pixels": self.pixels[index], "actions": torch.tensor([0, 1, 2])}


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


def test_each_model_trains_is_evaluated_and_the_best_is_kept(part, tmp_path):
    model, inputs = part
    data, collate = Clips(8), None
    if model.main_input_name == "codes":
        model.train()
        data = [{"codes": codes, "actions": actions} for codes, actions in zip(*inputs, strict=True)] * 4

        def collate(items):
            return model.training_inputs(**default_collate(items))

    before = {name: p.clone() for name, p in model.named_parameters()}
    trainer = Trainer(model, arguments(tmp_path), train_dataset=data, eval_dataset=data, data_collator=collate)
    trainer.train()
    losses = [line["eval_loss"] for line in trainer.state.log_history if "eval_loss" in line]
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert trainer.state.best_model_checkpoint is not None
    assert all(loss < 20 for loss in losses)  # uint8 pixels are scaled
    assert any(not torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_accumulated_passes_are_averaged_not_summed(part, tmp_path):
    """The Trainer leaves the mean to a model that takes any keyword; ours take none that they do not know."""
    model, _ = part
    assert not Trainer(
        model, arguments(tmp_path), train_dataset=Clips(4), eval_dataset=Clips(4)
    ).model_accepts_loss_kwargs


@pytest.mark.parametrize("name", ["pixels", "pixel_values_videos"])
def test_a_hub_dataset_of_arrays_trains_the_tokenizer(name, tiny_pipeline, tmp_path):
    rows = Dataset.from_dict({name: Clips(4).pixels.numpy()}).with_format("torch", dtype=torch.uint8)
    model = type(tiny_pipeline.video_tokenizer)(tiny_pipeline.video_tokenizer.config)
    trainer = Trainer(model, arguments(tmp_path), train_dataset=rows, eval_dataset=rows)
    assert trainer.evaluate()["eval_loss"] < 20
