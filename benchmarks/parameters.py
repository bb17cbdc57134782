"""Parameters of every preset beside the paper's, as the table of docs/parameters.md.

    python benchmarks/parameters.py

The models are built on the meta device: nothing is allocated, and it takes seconds.
"""

import torch
from transformers import AutoModel, PreTrainedConfig

from genie_hf.presets import MODELS, PIPELINES, pipeline_preset, preset

PAPER = {  # as the paper rounds them; it gives none for its CoinRun case study
    "video-tokenizer-200m": 200e6,
    "latent-action-300m": 300e6,
    "dynamics-41m": 41e6,
    "dynamics-96m": 96e6,
    "dynamics-192m": 192e6,
    "dynamics-404m": 404e6,
    "dynamics-811m": 811e6,
    "dynamics-1.6b": 1.6e9,
    "dynamics-2.3b": 2.3e9,
    "dynamics-2.7b": 2.7e9,
    "dynamics-10.1b": 10.1e9,
    "genie-10.7b": 10.7e9,
}


def count(config: PreTrainedConfig) -> tuple[int, int]:
    """Parameters of the model of this configuration, and those of its attention layers."""
    with torch.device("meta"):
        model = AutoModel.from_config(config)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return sum(sizes.values()), sum(size for name, size in sizes.items() if "attention" in name)


def human(parameters: float) -> str:
    return f"{parameters / 1e9:.4g}B" if parameters >= 1e9 else f"{parameters / 1e6:.4g}M"


def row(name: str, config: PreTrainedConfig, label: str | None = None) -> str:
    total, attention = count(config)
    transformers = [config.encoder, config.decoder] if hasattr(config, "encoder") else [config]
    inner = dict.fromkeys(f"{part.intermediate_size:,}" for part in transformers)
    expansion = dict.fromkeys(f"{part.intermediate_size / part.hidden_size:.3g}" for part in transformers)
    return line(label or f"`{name}`", PAPER.get(name), total, attention, " and ".join(inner), " and ".join(expansion))


def world_row(name: str) -> str:
    total, attention = (sum(part) for part in zip(*map(count, pipeline_preset(name).values()), strict=True))
    return line(f"`{name}`", PAPER.get(name), total, attention, "as its parts", "")


def line(label: str, paper: float | None, total: int, attention: int, inner: str, expansion: str) -> str:
    stated = [human(paper), human(total), f"{total / paper - 1:+.1%}"] if paper else ["not given", human(total), ""]
    return "| " + " | ".join([label, *stated, human(attention), inner, expansion]) + " |"


def table() -> str:
    return "\n".join(
        [
            "| preset | paper | ours | deviation | of ours, attention | `intermediate_size` | per `hidden_size` |",
            "|---|---|---|---|---|---|---|",
            *(row(name, preset(name)) for name in MODELS),
            *(world_row(name) for name in PIPELINES),
            *(row("coinrun", config, f"`coinrun`: {part}") for part, config in pipeline_preset("coinrun").items()),
        ]
    )


if __name__ == "__main__":
    print(table())
