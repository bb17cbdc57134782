"""Does a world do what its player says? Rollouts with right and wrong actions, and the actions read back from them.

Dimension keys: N clips, H frames generated from one prompt frame.
"""

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_stat_scores

from ..pipeline_genie import GeniePipeline
from .clips import Clips, reconstruct, roll_out
from .metrics import delta_psnr, describe_rollouts, similarity, squared_error
from .reference_classifier import HISTORY, ReferenceClassifier

SHOWN = 3  # clips in the picture


def shuffled(actions: Tensor) -> Tensor:
    """Each clip gets the actions of another one."""
    return actions.roll(1, dims=0)


def shifted(actions: Tensor) -> Tensor:
    """Each action comes a frame late; the first comes twice."""
    return torch.cat([actions[:, :1], actions[:, :-1]], dim=1)


def constant(actions: Tensor, num_actions: int) -> Tensor:
    """One action for each whole clip, taking the actions in turn."""
    return (torch.arange(len(actions), device=actions.device) % num_actions).unsqueeze(1).expand_as(actions)


def read_back(given: Tensor, read: Tensor, num_actions: int) -> dict:
    """How well the actions that are read from frames match those that were given.

    Args:
        given: int64 of any shape.
        read: of the same shape.
        num_actions: number of actions.

    Returns:
        `accuracy`; `macro_precision`, `macro_recall` and `macro_f1`, means over the actions that were given; and for
        each action `precision`, `recall`, `f1` (0 where there is nothing to divide by) and how often it was `given`.
    """
    scores = multiclass_stat_scores(read.flatten(), given.flatten(), num_actions, average=None).double()
    hits, false, _, missed, count = scores.unbind(-1)
    by_action = {
        "precision": hits / (hits + false).clamp_min(1),
        "recall": hits / count.clamp_min(1),
        "f1": 2 * hits / (2 * hits + false + missed).clamp_min(1),
    }
    return {
        "accuracy": (hits.sum() / count.sum()).item(),
        **{f"macro_{name}": values[count > 0].mean().item() for name, values in by_action.items()},
        **{name: values.tolist() for name, values in by_action.items()},
        "given": count.long().tolist(),
    }


@torch.no_grad()
def measure_action_control(
    pipe: GeniePipeline,
    clips: Clips,
    aligned: Tensor,
    reference: ReferenceClassifier | None,
    *,
    num_random_draws: int,
    batch_size: int,
    generator: torch.Generator,
    seed: int,
    **sampling,
) -> tuple[dict, dict[str, Tensor]]:
    """`rollout`, `delta_psnr` and `action_control` as `evaluate` describes them.

    Args:
        pipe: the pipeline.
        clips: N clips of H + 1 frames.
        aligned: the actions that lead from frame to frame, int64 of shape `(N, H)`, on the CPU as all actions here.
        reference: reads true actions from frames, where there is one for this data.
        num_random_draws: rollouts with random actions for each clip.
        batch_size: worlds played at once.
        generator: for the random actions.
        seed: of the sampling: all worlds of clip n are sampled with `seed + n`.
        sampling: `num_inference_steps` and `temperature`.

    Returns:
        The figures; and for a picture the first clips: `truth`, `reconstruction`, the rollouts `aligned` and
        `random`, and the actions played in these.
    """
    num_actions = clips.num_actions_of(pipe)
    draws = torch.randint(num_actions, (num_random_draws, *aligned.shape), generator=generator)
    given = {"aligned_actions": aligned}
    if len(clips) > 1:  # one clip alone has no other
        given["shuffled_actions"] = shuffled(aligned)
    given |= {"shifted_actions": shifted(aligned), "constant_actions": constant(aligned, num_actions)}
    random = {f"random_actions_{number}": draw for number, draw in enumerate(draws)}
    played = play(pipe, clips, given | random, reference, batch_size, seed, **sampling)
    rollout = {kind: describe_rollouts(worlds["errors"], worlds["similarities"]) for kind, worlds in played.items()}
    by_draw = [rollout.pop(kind) for kind in random]
    rollout["random_actions"] = {
        name: torch.tensor([draw[name] for draw in by_draw]).mean(0).tolist() for name in by_draw[0]
    }
    rollout["copy_first_frame"] = describe_copying(pipe, clips, batch_size)

    coded = torch.cat([reconstruct(pipe, x) for _, x in clips.batches(pipe, batch_size, "reconstructions")])
    control = {}
    if pipe.latent_action_model is not None:
        read = torch.cat([pipe.infer_actions(frames).cpu() for frames in coded.split(batch_size)])
        cycle = {"reconstruction": read_back(aligned[:, : read.shape[1]], read, num_actions)}
        cycle |= {kind: read_back(given[kind], played[kind]["read"], num_actions) for kind in given}
        cycle["random_actions"] = read_back(draws, torch.stack([played[kind]["read"] for kind in random]), num_actions)
        control["latent_action_model"] = cycle
    if reference is not None:
        true = {"aligned_actions": clips.actions, "shuffled_actions": shuffled(clips.actions)}
        true["shifted_actions"] = shifted(clips.actions)
        control["reference_classifier"] = {
            kind: read_back(actions[:, HISTORY:], played[kind]["buttons"], reference.num_actions)
            for kind, actions in true.items()
            if kind in given
        }
    figures = {"rollout": rollout, "delta_psnr": delta_psnr(rollout["aligned_actions"], by_draw)}
    examples = {
        "truth": clips.pixels[:SHOWN].float() / 255,
        "reconstruction": coded[:SHOWN].cpu(),
        "aligned": played["aligned_actions"]["shown"],
        "random": played["random_actions_0"]["shown"],
        "aligned_actions": aligned[:SHOWN],
        "random_actions": draws[0, :SHOWN],
    }
    return figures | {"action_control": control}, examples


def play(
    pipe: GeniePipeline,
    clips: Clips,
    given: Mapping[str, Tensor],
    reference: ReferenceClassifier | None,
    batch_size: int,
    seed: int,
    **sampling,
) -> dict[str, dict[str, Tensor]]:
    """Plays several sorts of actions, each `(N, H)`, from the clips' first frames and compares worlds and clips.

    Returns:
        For each sort on the CPU: `errors` and `similarities` (`squared_error` and `similarity`); with a latent action
        model `read`, the actions that it reads from what was generated, of shape `(N, H)`; with a reference
        `buttons`, those that it reads, of shape `(N, H - 2)`; and `shown`, the first generated clips with their prompt
        frame.
    """
    found = defaultdict(list)
    actions = torch.cat(list(given.values()))
    for rows, truth in clips.batches(pipe, batch_size, "rollouts", repeats=len(given)):
        numbers = rows % len(clips)
        frames = roll_out(pipe, truth[:, :1], actions[rows], (seed + numbers).tolist(), **sampling)
        video = torch.cat([truth[:, :1], frames], dim=1)
        found["errors"].append(squared_error(frames, truth[:, 1:]))
        found["similarities"].append(similarity(frames, truth[:, 1:]))
        if pipe.latent_action_model is not None:
            found["read"].append(pipe.infer_actions(video).cpu())
        found["shown"].append(video.cpu()[numbers < SHOWN])
        if reference is not None:
            found["buttons"].append(reference.read_actions(video).cpu())
    by_sort = {name: torch.cat(parts).chunk(len(given)) for name, parts in found.items()}
    return {kind: {name: parts[k] for name, parts in by_sort.items()} for k, kind in enumerate(given)}


def describe_copying(pipe: GeniePipeline, clips: Clips, batch_size: int) -> dict:
    """The baseline: the first frame again and again."""
    errors, similarities = [], []
    for _, truth in clips.batches(pipe, batch_size, "copying the first frame"):
        copied = truth[:, :1].expand_as(truth[:, 1:])
        errors.append(squared_error(copied, truth[:, 1:]))
        similarities.append(similarity(copied, truth[:, 1:]))
    return describe_rollouts(torch.cat(errors), torch.cat(similarities))
