"""Which button is a latent action? A few labelled transitions give the actions names (Genie, section 3.3).

Dimension keys: A latent actions, U true actions ("buttons").
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..data import HELD_OUT, VideoDataset
from ..pipeline_genie import GeniePipeline
from .clips import Clips, Source, name_of, warn_of_another_pace
from .latent_actions import best_mapping, contingency
from .reference_classifier import HISTORY
from .results import check_folder, write_results


def calibrate(
    pipe: GeniePipeline,
    data: Source,
    output: str | Path | None = None,
    *,
    num_labels: int = 200,
    num_clips: int = 512,
    frame_rate: float | None = None,
    frame_skip: int = 1,
    batch_size: int = 64,
    seed: int = 0,
) -> dict:
    """Names the latent actions of a world after the true actions of some labelled transitions.

    Labels are drawn from the transitions of clips that are as long as the latent action model's window; all others
    test how good the names are.

    Args:
        pipe: the pipeline, with its `latent_action_model`, on the device to use.
        data: video with its true actions: what `VideoDataset` takes as its source.
        output: folder for `action_names.json`; by default nothing is written.
        num_labels: labelled transitions; the paper has 200.
        num_clips: clips drawn (all where there are fewer).
        frame_rate: at which videos are read, as `VideoDataset` takes it.
        frame_skip: after that, every `frame_skip`-th frame is used, as in training.
        batch_size: clips at once.
        seed: of all draws.

    Returns:
        A dict that JSON can hold: `data`, `num_labels`, `num_tested`, `seed`; `agreement`, the share of the tested
        transitions whose true action is the one that the latent action is named after, and `majority`, that of always
        naming the most common one; and

        - `actions`, for each latent action: the `button` it stands for and its `name`, None where no label shows the
          action; the `share` of its labels that say so; its number of `labels`; and its `tested_share`.
        - `buttons`, for each true action: its `name`; the latent `action` to press for it, None where no label shows
          the button; `probability`, the share of that action's labels which are this button; and `coverage`, the
          share of the button's labels in which the latent action is this one.

    Raises:
        ValueError: the pipeline has no latent action model, the data cannot be read, has no true actions or no more
            transitions than labels, or nothing can be written to `output`.
    """
    if pipe.latent_action_model is None:
        raise ValueError("the pipeline has no latent_action_model to infer actions with; load it as well.")
    if num_labels < 1:
        raise ValueError(f"num_labels is {num_labels}; choose at least 1, 200 as in the paper.")
    if num_clips < 1:
        raise ValueError(f"num_clips is {num_clips}; choose at least 1.")
    folder = None if output is None else check_folder(output)
    window = pipe.latent_action_model.config.num_frames
    dataset = VideoDataset(data, window, pipe.frame_size, frame_rate, HELD_OUT, frame_skip)
    warn_of_another_pace(pipe, dataset, name_of(data))
    if not dataset.has_actions:
        raise ValueError(f"{name_of(data)} has no true actions to name latent ones after: name a recording with them.")
    generator = torch.Generator().manual_seed(seed)
    apart = dataset.disjoint_clips()  # no label may reappear in the test
    order = torch.randperm(len(apart), generator=generator)[:num_clips].tolist()
    clips = Clips.read(dataset, [apart[i] for i in order], name_of(data))
    seen = slice(min(HISTORY, window - 2), None)
    true = clips.actions[:, seen].flatten()
    if len(true) <= num_labels:
        raise ValueError(f"num_labels is {num_labels}, and there are {len(true)} transitions: leave some to test on.")

    latent = clips.infer_actions(pipe, batch_size)[:, seen].flatten()
    order = torch.randperm(len(true), generator=generator)
    labels, tests = (
        contingency(latent[rows], true[rows], pipe.dynamics.config.num_actions, clips.num_true_actions)
        for rows in (order[:num_labels], order[num_labels:])
    )
    names = clips.action_names or [f"button {button}" for button in range(clips.num_true_actions)]
    result = {
        "data": name_of(data),
        "num_labels": num_labels,
        "num_tested": len(true) - num_labels,
        "seed": seed,
        **name_actions(labels, tests, names),
    }
    if folder is not None:
        write_results(folder, {"action_names.json": result}, pipe.dynamics)
    return result


def name_actions(labels: Tensor, tests: Tensor, names: Sequence[str]) -> dict:
    """`agreement`, `majority`, `actions` and `buttons` of `calibrate`.

    Args:
        labels: how often each latent action meets each true one among the labels, of shape `(A, U)`.
        tests: the same among all others.
        names: of the true actions.
    """
    mapping = best_mapping(labels)
    right = tests.gather(1, mapping.unsqueeze(1)).squeeze(1)
    of_action, of_button = labels.sum(1), labels.sum(0)
    actions = []
    for action, button in enumerate(mapping.tolist()):
        known, tested = of_action[action].item(), tests[action].sum().item()
        actions.append(
            {
                "button": button if known else None,
                "name": names[button] if known else None,
                "share": labels[action, button].item() / known if known else None,
                "labels": int(known),
                "tested_share": right[action].item() / tested if tested else None,
            }
        )
    # One label alone is no proof: each action that has any gets one more, shared out as the buttons are overall.
    probability = (labels + of_button / of_button.sum()) / (of_action.unsqueeze(1) + 1)
    probability[of_action == 0] = 0
    buttons = []
    for button, action in enumerate(probability.argmax(0).tolist()):
        count, known = labels[action, button].item(), of_button[button].item()
        buttons.append(
            {
                "name": names[button],
                "action": action if known else None,
                "probability": count / of_action[action].item() if known else None,
                "coverage": count / known if known else None,
                "labels": int(known),
            }
        )
    return {
        "agreement": right.sum().item() / tests.sum().item(),
        "majority": tests.sum(0).max().item() / tests.sum().item(),
        "actions": actions,
        "buttons": buttons,
    }
