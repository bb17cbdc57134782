"""`genie-hf train`."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..named_pipeline import may_be_on_the_hub
from .shared import check_data, quieten_libraries


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe.yaml of a world, or the folder that holds it.")],
    stage: Annotated[
        str | None,
        typer.Option(help="Train only this stage of the recipe, for example tokenizer; by default all in turn."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run and its models.")] = False,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Train on this source instead of the recipe's; may be given several times."),
    ] = None,
    test_data: Annotated[
        list[str] | None,
        typer.Option(
            help="Hold out this source instead of the recipe's; may be given several times. With --data alone nothing "
            "is held out."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the pipeline; by default the recipe's folder.")
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(
            help="End each stage after this time and save its models as they are then. In a resumed stage the time "
            "before counts too."
        ),
    ] = None,
    cache_codes: Annotated[
        bool,
        typer.Option(
            "--cache-codes",
            help="Stages world and reward: encode every frame once before training, and not in each step. Saves the "
            "tokenizer's work. The codes lie in runs/codes-*.npy, or on the device with the recipe's frames; repeat "
            "the option with --resume.",
        ),
    ] = False,
    pretrained: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PIPELINE",
            help="Start from the weights of this trained world: a folder, or its name on the Hub (user/name). Its "
            "sizes must be the recipe's.",
        ),
    ] = None,
    push_to: Annotated[
        str | None,
        typer.Option(
            metavar="USER/REPO",
            help="Push checkpoints to this repository on the Hub while training goes on, and at last the world. With "
            "--resume the run is fetched from there if it is further there than here.",
        ),
    ] = None,
    push_every: Annotated[
        int | None,
        typer.Option(metavar="STEPS", help="Push a checkpoint only after so many steps; by default each one."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Only you may see the repository, if --push-to makes it.")
    ] = False,
):
    """Train a world from a recipe.

    First the video tokenizer (stage `tokenizer`), then latent actions and dynamics together (stage `world`), as in the
    paper. At the end the folder of the recipe holds a pipeline for `GeniePipeline.from_pretrained`.

    A whole world in a minute, to try every step:

    ```
    genie-hf record coinrun data/tiny --levels 0:4 --steps 100
    genie-hf train pipelines/tiny/recipe.yaml
    ```

    One stage, on other data, into another folder:

    ```
    genie-hf train pipelines/coinrun-small --stage tokenizer --data my-videos --output pipelines/mine
    ```

    A trained world, fine-tuned on another game:

    ```
    genie-hf train pipelines/coinrun-gpu --from pipelines/coinrun-gpu --data my-videos --output pipelines/mine
    ```

    On a machine that may go away at any time, and on the next one:

    ```
    genie-hf train pipelines/coinrun-gpu --push-to user/coinrun
    genie-hf train pipelines/coinrun-gpu --push-to user/coinrun --resume
    ```

    Several GPUs: `torchrun --nproc_per_node 4 -m genie_hf.cli train ...`

    Metrics, pictures and checkpoints go into `runs/<stage>/`. Ctrl-C or SIGTERM finishes the step, saves a checkpoint
    and stops; `--resume` continues as if nothing had happened, even after a crash. An earlier run is never touched
    unless you pass `--resume` or `--overwrite`.
    """
    from ..training.recipe_path import find_recipe

    recipe = find_recipe(recipe)
    check_data([*(data or ()), *(test_data or ())])
    if push_to is not None and not may_be_on_the_hub(push_to):
        raise ValueError(f"The repository is {push_to!r}: name it as user/name.")
    from ..training import read_recipe
    from ..training import train as run_training

    quieten_libraries()
    plan = read_recipe(recipe)
    if data:
        if plan.data.test and not test_data:
            typer.echo("--data also drops the recipe's held-out data: name your own with --test-data.")
        plan.data.train, plan.data.test = [*data], []
    if test_data:
        plan.data.test = [*test_data]
    folder = output or recipe.parent
    results = run_training(
        plan,
        folder,
        stage,
        resume=resume,
        overwrite=overwrite,
        max_minutes=max_minutes,
        cache_codes=cache_codes,
        pretrained=pretrained,
        push_to=push_to,
        push_every=push_every,
        private=private,
    )
    if os.environ.get("RANK", "0") != "0":  # one of several processes
        return
    for result in results:
        taken = f"Stage {result.stage}: {result.step} of {plan.training.stages[result.stage].steps} steps"
        if result.ended_by == "steps":
            typer.echo(f"{taken}, saved in {result.models[0]}.")
            continue
        why = "stopped as asked" if result.ended_by == "signal" else "the time is up"
        saved = "".join(f", saved in {model}" for model in result.models)
        command = ["genie-hf", "train", str(recipe)]
        command += ["--stage", result.stage] if stage or result.ended_by == "time" else []
        command += ["--resume"]
        command += ["--output", str(output)] if output else []
        for option, sources in (("--data", data), ("--test-data", test_data)):
            command += [part for source in sources or () for part in (option, source)]
        limit = max_minutes
        if result.ended_by == "time":
            limit = 2 * (max_minutes or plan.training.stages[result.stage].max_minutes)  # the time before counts
        command += ["--max-minutes", f"{limit:g}"] if limit else []
        command += ["--cache-codes"] if cache_codes else []
        command += ["--push-to", push_to] if push_to else []
        command += ["--push-every", str(push_every)] if push_every else []
        typer.echo(f"{taken}, {why}{saved}. Continue from {result.checkpoint} with: {shlex.join(command)}")
