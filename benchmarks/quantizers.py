"""Which quantiser holds a picture: kinds, sizes and starts at equal time, several seeds, on held-out levels.

    python benchmarks/quantizers.py pipelines/coinrun-gpu --minutes 5 --seeds 2

For each variant of the recipe's video tokenizer PSNR and SSIM of held-out frames, and the codes in use there: the
perplexity of the codes and how many of them occur, of all that there are. "late start" is a codebook that k-means
makes after 40 steps with unquantised latents, and not from the first batch; "average" one whose codes are moving
averages.
"""

import argparse
import json

import torch
from variants import DEVICE, arguments_for, held_out, run_variants, trained

from genie_hf.evaluation.metrics import psnr, similarity, squared_error
from genie_hf.training.recipe_file import read_values
from genie_hf.training.recipe_path import find_recipe

VQ = {"type": "vq", "codebook_size": 1024}
AVERAGE = VQ | {"codebook_dim": 8, "codebook_decay": 0.99}
VARIANTS = {  # the recipe's quantiser
    "fsq 8x5x5x5": {"type": "fsq", "levels": [8, 5, 5, 5]},
    "fsq 4x4x4x4x4": {"type": "fsq", "levels": [4, 4, 4, 4, 4]},
    "vq 32": VQ | {"codebook_dim": 32},
    "vq 8": VQ | {"codebook_dim": 8},
    "vq 8, late start": VQ | {"codebook_dim": 8, "continuous_steps": 40},
    "vq 8, average": AVERAGE,
    "vq 8, average, late start": AVERAGE | {"continuous_steps": 40},
}


def main():
    arguments = arguments_for(__doc__, VARIANTS)
    columns = ("steps", "psnr", "ssim", "perplexity", "occur", "codes")
    rows = run_variants(arguments, measure, columns)
    if arguments.output:
        arguments.output.write_text(json.dumps({"device": str(DEVICE), "rows": rows}, indent=2) + "\n")


def measure(arguments: argparse.Namespace, variant: str, seed: int) -> dict:
    values = read_values(find_recipe(arguments.recipe))
    values["video_tokenizer"]["quantizer"] = VARIANTS[variant]
    recipe, model, steps = trained(values, "tokenizer", seed, arguments)
    num_frames = recipe.training.tokenizer.num_frames
    counts = torch.zeros(model.config.codebook_size)
    errors, similarities = [], []
    with torch.inference_mode():
        for pixels in held_out(recipe, num_frames, arguments.clips).pixels.split(64):
            frames = pixels.to(DEVICE).float() / 255
            codes = model.encode(frames)
            decoded = model.decode(codes)
            errors.append(squared_error(decoded, frames).flatten())
            similarities.append(similarity(decoded, frames).flatten())
            counts += torch.bincount(codes.flatten().cpu(), minlength=len(counts))
    shares = counts / counts.sum()
    return {
        "variant": variant, "seed": seed, "steps": steps, "psnr": psnr(torch.cat(errors).mean()).item(),
        "ssim": torch.cat(similarities).mean().item(), "perplexity": torch.special.entr(shares).sum().exp().item(),
        "occur": int((counts > 0).sum()), "codes": len(counts),
    }  # fmt: skip


if __name__ == "__main__":
    main()
