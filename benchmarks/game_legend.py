"""The game's own legend: where the player goes in held-out play while one button is held, measured as an action's is.

    python benchmarks/game_legend.py data/coinrun-gpu/test-balanced

It is what `genie-hf legend` of a world can be compared with: from many starts the game itself does not go right, as
there is a wall, or the player is in the air and falls.
"""

import argparse

import torch

from genie_hf.data import HELD_OUT, VideoDataset
from genie_hf.evaluation.action_legend import describe_actions
from genie_hf.evaluation.motion import mean_flow
from genie_hf.training.data import effect_names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a recording with its buttons")
    parser.add_argument("--frames", type=int, default=4, help="for which a button is held")
    parser.add_argument("--clips", type=int, default=400, help="of each button, at most")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    dataset = VideoDataset(arguments.data, arguments.frames + 1, split=HELD_OUT)
    groups = torch.tensor(dataset.action_groups or range(len(dataset.action_names)))
    names = effect_names(dataset)
    held: dict[int, list[torch.Tensor]] = {button: [] for button in range(len(names))}
    for clip in torch.randperm(len(dataset), generator=torch.Generator().manual_seed(arguments.seed)).tolist():
        item = dataset[clip]
        buttons = groups[item["actions"]].unique()
        if len(buttons) == 1 and len(held[buttons.item()]) < arguments.clips:
            held[buttons.item()].append(item["pixels"])
        if all(len(clips) == arguments.clips for clips in held.values()):
            break
    for button, clips in held.items():
        if not clips:
            continue
        flow = torch.cat([mean_flow(pixels.float() / 255) for pixels in torch.stack(clips).split(50)])
        (figures,) = describe_actions(flow[:, None], torch.zeros(len(flow), 1), by_camera=True)
        shares = ", ".join(f"{direction} {count / len(flow):.0%}" for direction, count in figures["starts"].items())
        print(f"{names[button]:<12} {len(flow):>4} clips: {shares}")


if __name__ == "__main__":
    main()
