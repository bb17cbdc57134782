"""The branch `training` of a repository on the Hub: all that another machine needs to go on with a run.

It mirrors the folder of the pipeline: for each stage its recipe, metrics and pictures, the models of those that have
ended, and of all checkpoints the newest alone. It has no history, so that old checkpoints take no room. The default
branch gets nothing but the finished world.
"""

import logging
import os
import pickle
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import torch
from huggingface_hub import CommitOperationAdd, HfApi

from ..hub.card import finished_card, world_card
from ..hub.errors import hub_sentences
from ..hub.files import components, is_replaced, world_files
from ..hub.publish import check_private, publish
from ..pipeline_genie import GeniePipeline
from .checkpoints import damaged_files, list_checkpoints, step_of
from .stages import STAGES
from .world_stage import WorldStage

logger = logging.getLogger(__name__)

BRANCH = "training"
CHECKPOINT = re.compile(r"runs/(\w+)/checkpoint-(\d+)/.+")
NOTES = ("recipe.yaml", "data.json", "from.txt", "metrics.jsonl")
WEIGHTS = (".safetensors", ".bin", ".pkl")


class TrainingBranch:
    """The branch of a repository. Both are made if they are not there.

    Each commit names in its title the run that made it: a run adds to its own commits alone, and to the one that it
    began with. The branch's last commit would not do, for its name is not known when the Hub's answer is lost.

    Args:
        repository: its name, as user/name.
        stages: all of the recipe, in turn.
        private: whether a new repository is private.

    Attributes:
        checkpoint: the stage and the step of the checkpoint that it held at first, or None.

    Raises:
        OSError: the Hub cannot be reached, or one may not write to the repository.
        ValueError: the repository is public although it should be private.
    """

    def __init__(self, repository: str, stages: list[str], private: bool = False):
        self.stages, self.private, self.api, self.run = stages, private, HfApi(), f"run {uuid4().hex[:8]}"
        with hub_sentences(repository):
            self.repository = self.api.create_repo(repository, private=private or None, exist_ok=True).repo_id
            self.api.auth_check(self.repository, write=True)
            self.api.create_branch(self.repository, branch=BRANCH, exist_ok=True)
            before = self.api.model_info(self.repository, revision=BRANCH)
        check_private(repository, before.private, private)
        self.commit, self.files = before.sha, [file.rfilename for file in before.siblings]
        found = [match for match in map(CHECKPOINT.fullmatch, self.files) if match and match[1] in stages]
        self.checkpoint = (found[0][1], int(found[0][2])) if found else None

    def refuse_to_replace(self, names: list[str], resume: bool) -> None:
        """Raises `ValueError` if training these stages would replace what it does not continue."""
        first, last = self.stages.index(names[0]), self.stages.index(names[-1])
        remedy = "" if resume else "continue it with --resume, replace it with --overwrite, or "
        if self.checkpoint is None:
            if GeniePipeline.config_name in self.files and names[-1] == self.stages[-1] and not resume:
                raise ValueError(
                    f"{self.repository} holds a world: replace it with --overwrite, or push to another repository."
                )
        elif self.place(self.checkpoint)[0] >= (last + 1 if resume else first):
            stage, step = self.checkpoint
            raise ValueError(
                f"{self.repository} holds a run of {step} steps of stage {stage} in its branch {BRANCH}: {remedy}push "
                "to another repository."
            )

    def catch_up(self, output: Path, names: list[str]) -> None:
        """Brings the run into the pipeline's folder, if it is further here than there.

        Args:
            output: the folder.
            names: the stages that may be continued.
        """
        if self.checkpoint is None:
            logger.info("%s has no checkpoint in its branch %s yet.", self.repository, BRANCH)
        elif self.checkpoint[0] in names:
            here, there = local_checkpoint(output, names), self.checkpoint
            if here is None or self.place(here) < self.place(there):
                logger.info("Fetching the run at step %d of stage %s from %s.", there[1], there[0], self.repository)
                self.fetch(output, *there)
            elif self.place(here) > self.place(there):
                logger.info(
                    "The run in %s (step %d of stage %s) goes on: it is newer than that in %s (step %d of stage %s).",
                    *(output, here[1], here[0], self.repository, there[1], there[0]),
                )

    def place(self, checkpoint: tuple[str, int]) -> tuple[int, int]:
        return self.stages.index(checkpoint[0]), checkpoint[1]

    def fetch(self, output: Path, stage: str, step: int) -> None:
        """Brings all files into the pipeline's folder, the checkpoint last: it is complete there, or absent.

        Raises:
            OSError: they cannot be fetched.
            ValueError: the checkpoint could run code.
        """
        arrived, checkpoint = output / "runs" / "unfinished-from-hub", Path("runs", stage, f"checkpoint-{step}")
        folders = [*(STAGES[name].model_folder for name in self.stages), "scheduler"]
        models = [f"{folder}/*{suffix}" for folder in folders for suffix in (".json", WEIGHTS[0])]
        wanted = ["runs/*", GeniePipeline.config_name, *models]
        with hub_sentences(self.repository):
            self.api.snapshot_download(self.repository, revision=self.commit, local_dir=arrived, allow_patterns=wanted)
        check_plain(arrived / checkpoint, self.repository)
        for file in [arrived / name for name in self.files]:
            if file.is_file() and arrived / checkpoint not in file.parents:
                place = output / file.relative_to(arrived)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, place)
        shutil.rmtree(output / checkpoint, ignore_errors=True)  # it is damaged, or else it would not be fetched
        (output / checkpoint).parent.mkdir(parents=True, exist_ok=True)
        os.replace(arrived / checkpoint, output / checkpoint)
        shutil.rmtree(arrived)

    def push(self, files: Mapping[str, Path | bytes], message: str) -> None:
        """Makes the branch hold these files, in one commit without history.

        Raises:
            OSError: the Hub cannot be reached, or refuses.
            ValueError: another run has pushed to the branch since this one began.
        """
        message = f"{message}, {self.run}"
        with hub_sentences(self.repository):
            head = self.api.list_repo_commits(self.repository, revision=BRANCH)[0]
            if head.commit_id != self.commit and not head.title.endswith(self.run):
                raise ValueError(
                    f"Another run pushes to {self.repository} as well: stop one of the two, and continue the other "
                    f"with --resume --push-to {self.repository}."
                )
            for name, file in files.items():
                # One by one, for several would go in threads that Python waits for at its end, however long they take.
                if isinstance(file, Path) and file.suffix in WEIGHTS:
                    self.api.preupload_lfs_files(self.repository, [CommitOperationAdd(name, file)], revision=BRANCH)
        done = publish(
            files,
            self.repository,
            message=message,
            private=self.private or None,
            branch=BRANCH,
            parent=head.commit_id,
            replaces=lambda name: name != ".gitattributes",
        )
        if done.changed:
            with hub_sentences(self.repository):
                self.api.super_squash_history(self.repository, branch=BRANCH, commit_message=message)

    def publish_world(self, output: Path) -> None:
        """Makes the default branch hold the finished world."""
        pipe = GeniePipeline.from_pretrained(output)
        recipe = output / "runs" / self.stages[-1] / "recipe.yaml"
        files = world_files(output, pipe.dynamics) | {"recipe.yaml": recipe}
        publish(
            files,
            self.repository,
            card=lambda name, theirs: str(finished_card(world_card(pipe, name, files), theirs)),
            private=self.private or None,
            replaces=lambda name: is_replaced(name, files),
        )


def local_checkpoint(output: Path, names: list[str]) -> tuple[str, int] | None:
    """Stage and step of the newest intact checkpoint in a pipeline's folder."""
    for name in reversed(names):
        for checkpoint in reversed(list_checkpoints(output / "runs" / name)):
            if not damaged_files(checkpoint):
                return name, step_of(checkpoint)
    return None


def check_plain(checkpoint: Path, repository: str) -> None:
    """Raises `ValueError` if what Accelerate would unpickle without a check is more than plain values."""
    damaged = damaged_files(checkpoint)  # they are not loaded in any case
    for file in checkpoint.glob("custom_checkpoint_*.pkl"):
        if file.name in damaged:
            continue
        try:
            torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ValueError(
                f"{file.name} in the checkpoint of {repository} could run code, so it is not loaded: "
                "somebody else has put it there. Train again with --overwrite."
            ) from error


def files_to_push(
    output: Path, stages: list[str], name: str, checkpoint: Path, ended: bool
) -> dict[str, Path | bytes]:
    """What the branch holds after a checkpoint, by name in the repository.

    Args:
        output: the pipeline's folder.
        stages: all of the recipe, in turn.
        name: of the stage that the checkpoint is of.
        checkpoint: its folder.
        ended: whether the stage has ended and saved its models.
    """
    so_far = stages[: stages.index(name) + 1]
    runs = [output / "runs" / stage for stage in so_far]
    finished = [stage for stage in so_far if stage != name or ended]
    models = {STAGES[stage].model_folder for stage in finished}
    is_world = WorldStage.name in finished
    if is_world:
        models |= {*components(output)}
    paths = [path for run in runs for path in run.glob("pictures/*.png")]
    paths += [path for model in models for path in (output / model).glob("*") if path.suffix in (".json", WEIGHTS[0])]
    paths += [*checkpoint.iterdir(), *([output / GeniePipeline.config_name] if is_world else [])]
    # training goes on writing the notes, so that they are read now
    notes = {path: path.read_bytes() for run in runs for path in (run / note for note in NOTES) if path.exists()}
    named = {path: path for path in paths} | notes
    return {path.relative_to(output).as_posix(): content for path, content in named.items()}
