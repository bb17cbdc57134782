"""A cloned agent in the real game, and beside it in the world that it imagines."""

from collections.abc import Sequence
from pathlib import Path

import PIL.Image
import torch

from ..drawing.films import to_gif
from ..drawing.rows import GAP
from ..evaluation.clips import Source
from ..evaluation.results import check_folder
from ..pipeline_genie import GeniePipeline
from .cloning import ActionDictionary, train_policy
from .cloning_study import agent_of
from .demonstrations import Demonstrations
from .policy import GeniePolicy
from .real_game import play_levels
from .recorded_game import open_recording


def film_clone(
    pipe: GeniePipeline,
    expert: Source,
    output: str | Path,
    *,
    mode: str = "hard",
    levels: Sequence[int] = range(50_000, 50_004),
    num_labels: int = 200,
    num_steps: int = 2_000,
    seed: int = 0,
) -> tuple[Path, Path]:
    """Clones an expert from latent actions, and films the clone.

    Args:
        pipe: the world, with its `latent_action_model`.
        expert: as for `report_cloning`.
        output: folder for `policy-<mode>`, a [`GeniePolicy`] of latent actions, and `film-<mode>.gif`.
        mode: `"easy"` or `"hard"`, that of the recording.
        levels: to show, none of the recording.
        num_labels: labelled transitions that say what to press in the real game.
        num_steps: training steps.
        seed: of all draws.

    Returns:
        The folder of the policy, and the film.

    Raises:
        ValueError: as for `report_cloning`.
    """
    folder = check_folder(output)
    labelled = open_recording(pipe, expert, mode, levels)
    dictionary = ActionDictionary.learn(pipe, labelled, num_labels, torch.Generator().manual_seed(seed))
    shown = Demonstrations(labelled)
    shown.infer(pipe)
    policy = train_policy(shown, shown.latent, pipe.num_actions, num_steps=num_steps, seed=seed)
    saved, gif = folder / f"policy-{mode}", folder / f"film-{mode}.gif"
    policy.save_pretrained(saved)
    gif.write_bytes(to_gif(film(pipe, policy, dictionary, levels, mode=mode, seed=seed), pipe.config.fps))
    return saved, gif


def film(
    pipe: GeniePipeline,
    policy: GeniePolicy,
    dictionary: ActionDictionary,
    levels: Sequence[int],
    *,
    mode: str,
    num_steps: int = 40,
    num_inference_steps: int = 8,
    seed: int = 0,
) -> list[PIL.Image.Image]:
    """What a policy of latent actions does from the first frames of some levels, for as long as the game lasts.

    Args:
        pipe: the world.
        policy: chooses latent actions.
        dictionary: says what to press for them in the real game.
        levels: their seeds, one column each.
        mode: `"easy"` or `"hard"`.
        num_steps: the longest film.
        num_inference_steps: MaskGIT steps of an imagined frame.
        seed: of all draws.

    Returns:
        Pictures of two rows, the real game above and the imagined one below; a game that is over stands still.
    """
    generator, seen = torch.Generator().manual_seed(seed), policy.config.num_frames
    agent = agent_of(policy, generator, dictionary)
    _, real = play_levels(agent, levels, mode, dictionary.frame_skip, seen)
    world = pipe.start(
        [PIL.Image.fromarray(frames[0]) for frames in real], seed=seed, num_inference_steps=num_inference_steps
    )
    stack = world.pixels[:, -1:].expand(-1, seen, -1, -1, -1)
    for _ in range(num_steps):
        world.step(policy.act(stack, generator))
        stack = torch.cat([stack[:, 1:], world.pixels[:, -1:]], dim=1)
    imagined = world.pixels.movedim(2, -1).cpu().numpy()  # (B, T, C, H, W) -> (B, T, H, W, C)
    pictures = []
    for moment in range(min(num_steps, max(map(len, real)) - 1) + 1):
        columns = [
            (frames[min(moment, len(frames) - 1)], drawn[moment]) for frames, drawn in zip(real, imagined, strict=True)
        ]
        height, width = pipe.frame_size
        sheet = PIL.Image.new("RGB", (len(levels) * (width + GAP) - GAP, 2 * height + GAP), "white")
        for column, rows in enumerate(columns):
            for row, frame in enumerate(rows):
                image = PIL.Image.fromarray(frame).resize((width, height))
                sheet.paste(image, (column * (width + GAP), row * (height + GAP)))
        pictures.append(sheet)
    return pictures
