"""The card of a world or of one of its models: what it is, how to use it, how good it is, how it was made."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData, RepoCard

from ..training import Recipe, read_recipe
from .remote_code import without_package

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..pipeline_genie import GeniePipeline

MARK = "<!-- Written by genie-hf, which renews this card at the next push. Without this line it is kept as it is. -->"
TAGS = ["genie", "world-model", "video-generation", "latent-actions"]
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def finished_card(ours: RepoCard, *others: str | None) -> RepoCard:
    """Our card, or the first that somebody wrote, as it is but for the metadata that it lacks.

    A license that only an earlier card of ours names is kept.
    """
    for text in filter(None, others):
        card = type(ours)(text, ignore_metadata_errors=True)
        if MARK not in text:
            for name, value in vars(ours.data).items():
                if value is not None and getattr(card.data, name, None) is None:
                    setattr(card.data, name, value)
            return card
        ours.data["license"] = ours.data.get("license") or card.data.get("license")
    return ours


def world_card(
    pipe: "GeniePipeline",
    repository: str,
    files: dict[str, Path],
    license: str | None = None,
    remote_code: bool = False,
) -> ModelCard:
    """The card of a world.

    Args:
        pipe: the world.
        repository: its name on the Hub.
        files: what is published with it, by name in the repository.
        license: its id, such as "apache-2.0".
        remote_code: whether the code that plays it is published with it.
    """
    recipe = read_recipe(files["recipe.yaml"]) if "recipe.yaml" in files else None
    figures = figures_of(files, "metrics.json")
    results = [
        EvalResult("image-to-video", data, data, metric, round(value, 4), metric_name=label)
        for label, metric, values in main_figures(figures)
        for data, value in values.items()
    ]
    data = ModelCardData(
        model_name=repository.split("/")[-1],
        library_name="genie_hf",
        pipeline_tag="image-to-video",
        license=license,
        tags=TAGS,
        datasets=hub_datasets(recipe) or None,
        eval_results=results or None,
    )
    sections = [
        f"# {repository.split('/')[-1]}",
        MARK,
        about(pipe),
        pictures(files, ".gif"),
        use_of_world(repository, files),
        without_package(f'"{repository}"') if remote_code else "",
        quality(figures, files, recipe),
        legend(files, recipe),
        training(recipe),
        limits(pipe, figures),
    ]
    return to_card(data, sections)


def model_card(model: "PreTrainedModel", repository: str) -> ModelCard:
    """The card of a model that is pushed alone."""
    name = type(model).__name__
    code = f'from genie_hf import {name}\n\nmodel = {name}.from_pretrained("{repository}")'
    sections = [
        f"# {repository.split('/')[-1]}",
        MARK,
        f"A `{name}` of {parameters(model)}, a part of a world model of the kind of "
        "[Genie](https://arxiv.org/abs/2402.15391).",
        f"## Use\n\n```python\n{code}\n```\n\n{FIRST_IMPORT.format(loader='AutoModel')} {INSTALL}",
    ]
    return to_card(ModelCardData(library_name="genie_hf", tags=TAGS), sections)


def to_card(data: ModelCardData, sections: list[str]) -> ModelCard:
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(filter(None, sections)) + "\n")


def parameters(*models: "PreTrainedModel | None") -> str:
    number = sum(p.numel() for model in models if model is not None for p in model.parameters())
    return f"{number / 1e6:.1f} million parameters" if number >= 1e5 else f"{number:,} parameters"


# The sections

FIRST_IMPORT = "`{loader}` loads it as well, after `import genie_hf`."
INSTALL = (
    "Install genie_hf with `pip install genie-hf`, or before its first release with `pip install .` in its repository."
)


def about(pipe: "GeniePipeline") -> str:
    height, width = pipe.frame_size
    size = parameters(pipe.video_tokenizer, pipe.latent_action_model, pipe.dynamics)
    return (
        f"A world to play, learnt from video ([Genie](https://arxiv.org/abs/2402.15391)): a picture and one of "
        f"{pipe.num_actions} actions in, the next frame out. {width}x{height} pixels, {pipe.config.fps:g} frames a "
        f"second, {size}, {pipe.dynamics.config.num_frames} frames of memory."
    )


def pictures(files: dict[str, Path], suffix: str) -> str:
    return "\n\n".join(f"![{Path(name).stem}]({name})" for name in files if name.endswith(suffix) and "/" not in name)


def folded(title: str, name: str, files: dict[str, Path]) -> str:
    """A long picture, which is shown to who asks; Markdown within HTML needs the empty lines."""
    return f"\n\n<details>\n<summary>{title}</summary>\n\n![{title}]({name})\n\n</details>" if name in files else ""


def use_of_world(repository: str, files: dict[str, Path]) -> str:
    example = next((name for name in files if name.startswith("examples/")), None)
    start = f'hf_hub_download("{repository}", "{example}")' if example else '"a-picture.png"'
    imports = "from huggingface_hub import hf_hub_download\n" if example else ""
    return (
        f"## Use\n\n```python\nfrom genie_hf import GeniePipeline\n{imports}\n"
        f'pipe = GeniePipeline.from_pretrained("{repository}")\n'
        f"world = pipe.start({start})\n"
        "frame = world.step(0)  # one action in, one frame out\n```\n\n"
        f"`genie-hf play {repository}` opens it in a browser. {FIRST_IMPORT.format(loader='DiffusionPipeline')}\n\n"
        f"{INSTALL} For the browser add `[play]` to either name."
    )


def quality(figures: dict | None, files: dict[str, Path], recipe: Recipe | None) -> str:
    if figures is None:
        return ""
    data = list(figures["data"])
    rows = [f"| measured by `genie-hf evaluate` | {' | '.join(data)} |", "|---|" + "---|" * len(data)]
    for label, metric, values in main_figures(figures):
        digits = 1 if metric == "psnr" else 2
        cells = (f"{values[name]:.{digits}f}" if name in values else "" for name in data)
        rows.append(f"| {label} | {' | '.join(cells)} |")
    held_out = [] if recipe is None else names_of(recipe.data.test)
    known = ", ".join(described(source) for source in held_out if Path(source).name in data)
    which = f", the test data of the [recipe](recipe.yaml): {known}" if known else ""
    steps = figures["settings"]["num_inference_steps"]
    how = (
        f"On held-out video{which}. PSNR is in dB. A rollout starts from one frame, and {steps} MaskGIT steps make "
        "each that follows. Aligned actions are those of the true video: as the action model infers them, or recorded."
    )
    table, picture = "\n".join(rows), folded("Truth, reconstruction, and rollouts", "evaluation.png", files)
    return f"## How good it is\n\n{how}\n\n{table}{picture}"


def legend(files: dict[str, Path], recipe: Recipe | None) -> str:
    does, named = figures_of(files, "action_legend.json"), figures_of(files, "action_names.json")
    if does is None and named is None:
        return ""
    number = len((does or named)["actions"])
    rows = ["| action | leads | from | named |", "|---|---|---|---|"]
    for action in range(number):
        leads = does["actions"][action] if does else {}
        name = named["actions"][action] if named else {}
        share = f"{leads['consistency']:.0%} of starts" if leads else ""
        where = {"none": "nowhere"}.get(leads.get("direction"), leads.get("direction", ""))
        rows.append(f"| {action} | {where} | {share} | {name.get('name') or ''} |")
    table, picture = "\n".join(rows), folded("What each action does", "action_legend.png", files)
    latent = recipe is not None and recipe.data.action_source == "latent"
    found = "Nobody told it what they are; it found them by itself.\n\n" if latent else ""
    return f"## What its actions do\n\n{found}{table}{picture}"


def training(recipe: Recipe | None) -> str:
    if recipe is None:
        return ""
    lines = [f"- data: {', '.join(map(described, names_of(recipe.data.train)))}"]
    for name, stage in recipe.training.stages.items():
        frames = "one frame" if stage.num_frames == 1 else f"{stage.num_frames} frames"
        most = f", at most {stage.max_minutes:g} minutes" if stage.max_minutes else ""
        lines.append(f"- {name}: up to {stage.steps:,} steps of {stage.batch_size:,} clips of {frames}{most}")
    told = {"latent": "without action labels", "recorded": "with the actions that were recorded"}
    listed = "\n".join(lines)
    return (
        f"## How it was trained\n\nFrom video {told[recipe.data.action_source]}, by "
        f"`genie-hf train recipe.yaml` with [this recipe](recipe.yaml):\n\n{listed}"
    )


def limits(pipe: "GeniePipeline", figures: dict | None) -> str:
    lines = [
        f"It remembers {pipe.dynamics.config.num_frames} frames: what has left the picture for longer may come back "
        "changed. It knows what its training video showed, and turns other pictures into that. Long plays drift."
    ]
    for name, measured in (figures or {}).get("data", {}).items():
        lasting = measured.get("persistence", {})
        if "aligned_actions" in lasting:
            kept = lasting["aligned_actions"]["kept"]
            lines.append(
                f"On {name}, {kept['edge_energy']:.0%} of the edges and {kept['colours']:.0%} of the colours are left "
                f"after {lasting['horizons'][-1]} frames."
            )
    return "## Limits\n\n" + " ".join(lines)


# The figures


def figures_of(files: dict[str, Path], name: str) -> dict | None:
    return json.loads(files[name].read_text(encoding="utf-8")) if name in files else None


def main_figures(figures: dict | None) -> list[tuple[str, str, dict[str, float]]]:
    """What stands in the card: a label to be read alone, metric, and the value on each data set that has one."""
    if figures is None:
        return []
    later = f"PSNR after {figures['settings']['horizon']} frames"
    agreement = ("latent_actions", "agreement")
    wanted: list[tuple[str, str, tuple]] = [
        ("reconstruction by the video tokenizer, PSNR", "psnr", ("reconstruction", "psnr")),
        ("reconstruction by the video tokenizer, SSIM", "ssim", ("reconstruction", "ssim")),
        ("rollout with aligned actions, PSNR after 1 frame", "psnr", ("rollout", "aligned_actions", "psnr", 0)),
        (f"rollout with aligned actions, {later}", "psnr", ("rollout", "aligned_actions", "psnr", -1)),
        (f"rollout with random actions, {later}", "psnr", ("rollout", "random_actions", "psnr", -1)),
        (f"copy of the first frame, {later}", "psnr", ("rollout", "copy_first_frame", "psnr", -1)),
        ("true actions told from latent ones, accuracy", "accuracy", (*agreement, "mapping_accuracy")),
        ("always guessing the most common true action, accuracy", "accuracy", (*agreement, "majority_accuracy")),
    ]
    listed = []
    for label, metric, path in wanted:
        values = {name: look_up(measured, path) for name, measured in figures["data"].items()}
        values = {name: value for name, value in values.items() if value is not None}
        if values:
            listed.append((label, metric, values))
    return listed


def look_up(figures: Any, path: tuple) -> float | None:
    for key in path:
        if isinstance(key, str) and key not in (figures or {}):
            return None
        figures = figures[key]
    return figures


# The data


def hub_datasets(recipe: Recipe | None) -> list[str]:
    """The training data that lie on the Hub."""
    return [] if recipe is None else sorted(set(filter(is_on_the_hub, names_of(recipe.data.train))))


def names_of(sources: list[str | dict]) -> list[str]:
    return [source["source"] if isinstance(source, dict) else source for source in sources]


def is_on_the_hub(name: str) -> bool:
    return HUB_ID.fullmatch(name) is not None and not Path(name).exists()


def described(name: str) -> str:
    """A link to data on the Hub, and the last part of another name.

    What lies in a folder when the card is written need not be what the world was trained on.
    """
    return f"[{name}](https://huggingface.co/datasets/{name})" if is_on_the_hub(name) else f"`{Path(name).name}`"
