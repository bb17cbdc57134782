"""Which latent action model says most about the buttons: variants at equal time, several seeds, on held-out levels.

    python benchmarks/latent_actions.py pipelines/coinrun-gpu --minutes 5 --seeds 2

For each variant the accuracy of the best mapping to buttons, normalised mutual information, consistency (how much
more alike the changes of frames are after the same action than after different ones), PSNR of the model's own
prediction with the inferred actions, with shuffled ones and of copying the last frame, each line as soon as it is
known. In the end the share of the way from the majority class to a supervised classifier's accuracy on the same data.
Variants run one after the other, or `--jobs` at once.
"""

import argparse
import json

import torch
from variants import DEVICE, arguments_for, held_out, run_variants, trained

from genie_hf.evaluation.latent_actions import Consistency, action_agreement, code_usage
from genie_hf.evaluation.metrics import psnr, squared_error
from genie_hf.evaluation.reference_classifier import HISTORY, train_reference
from genie_hf.training.data import open_data
from genie_hf.training.recipe_file import build_recipe, read_values
from genie_hf.training.recipe_path import find_recipe

TRANSFORMER = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4, "head_dim": 32}
FRAMES = {
    "type": "frames", "patch_size": 8, "readout": "flatten", "motion_weight": 0, "encoder": TRANSFORMER,
    "decoder": TRANSFORMER,
}  # fmt: skip
VARIANTS = {  # the recipe's latent action model
    "motion": {"type": "motion"},
    "motion, 12 actions": {"type": "motion", "num_actions": 12},
    "motion, history 1": {"type": "motion", "history": 1},
    "motion, wider": {"type": "motion", "hidden_size": 512, "num_filters": 32},
    "frames": FRAMES,
    "mean": FRAMES | {"readout": "mean"},
    "motion weight 1": FRAMES | {"motion_weight": 1.0},
    "deeper decoder": FRAMES | {"decoder": TRANSFORMER | {"num_hidden_layers": 6}},
    "wider decoder": FRAMES | {"decoder": TRANSFORMER | {"hidden_size": 256, "num_attention_heads": 8}},
    "patch 4": FRAMES | {"patch_size": 4},
    "patch 16": FRAMES | {"patch_size": 16},
    "12 actions": FRAMES | {"num_actions": 12},
    "plain error": FRAMES | {"residual": False},
    "no batch norm": FRAMES | {"batch_norm": False},
}


def main():
    arguments = arguments_for(__doc__, VARIANTS)
    columns = "steps", "accuracy", "nmi", "usage", "consistency", "true", "shuffled", "copy"
    rows = run_variants(arguments, measure, columns)
    ceiling, majority = supervised(arguments), rows[0]["majority"]
    print(f"majority {majority:.3f}, supervised {ceiling:.3f}, on {DEVICE}; share of the way between them:")
    for variant in arguments.variants:
        shares = [(row["accuracy"] - majority) / (ceiling - majority) for row in rows if row["variant"] == variant]
        print(f"{variant:<24} " + " ".join(f"{share:.0%}" for share in shares))
    if arguments.output:
        arguments.output.write_text(json.dumps({"supervised": ceiling, "rows": rows}, indent=2) + "\n")


def measure(arguments: argparse.Namespace, variant: str, seed: int) -> dict:
    values = read_values(find_recipe(arguments.recipe))
    kept = {key: values["latent_action_model"][key] for key in ("num_actions", "num_frames", "continuous_steps")}
    values["latent_action_model"] = kept | VARIANTS[variant]
    recipe, model, steps = trained(values, "latent_action", seed, arguments)
    clips = held_out(recipe, model.config.num_frames, arguments.clips)
    generator = torch.Generator().manual_seed(0)
    latent, errors, consistency = [], [], Consistency(model.config.num_actions)
    with torch.inference_mode():
        for pixels in clips.pixels.split(128):
            frames = pixels.to(DEVICE).float() / 255
            actions = model.infer_actions(frames)
            latent.append(actions.cpu())
            consistency.update(frames, actions)
            order = torch.randperm(actions.numel(), generator=generator).to(DEVICE)
            shuffled = actions.flatten()[order].view_as(actions)
            predicted = (model.decode(frames[:, :-1], model.quantizer.lookup(a)) for a in (actions, shuffled))
            errors.append([squared_error(p, frames[:, 1:]).mean() for p in (*predicted, frames[:, :-1])])
    latent = torch.cat(latent)
    seen = slice(HISTORY, None)
    figures = action_agreement(
        latent[:, seen].flatten(), clips.actions[:, seen].flatten(), model.config.num_actions, clips.num_true_actions
    )
    true, shuffled, copy = (psnr(torch.stack(parts).mean()).item() for parts in zip(*errors, strict=True))
    return {
        "variant": variant, "seed": seed, "steps": steps, "accuracy": figures["mapping_accuracy"],
        "majority": figures["majority_accuracy"], "nmi": figures["nmi"],
        "usage": code_usage(latent, model.config.num_actions)["usage"], **consistency.compute(),
        "true": true, "shuffled": shuffled, "copy": copy, "counts": figures["counts"],
    }  # fmt: skip


def supervised(arguments: argparse.Namespace) -> float:
    """Accuracy of a classifier trained with the true actions."""
    recipe = build_recipe(read_values(find_recipe(arguments.recipe)))
    clips = held_out(recipe, HISTORY + 8, arguments.clips)
    classifier = train_reference(open_data(recipe, HISTORY + 2), clips.num_true_actions, device=DEVICE)
    with torch.inference_mode():
        read = torch.cat([classifier.read_actions(p.to(DEVICE).float() / 255).cpu() for p in clips.pixels.split(128)])
    return (read == clips.actions[:, HISTORY:]).float().mean().item()


if __name__ == "__main__":
    main()
