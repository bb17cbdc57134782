"""Pictures for a world's card: which start pictures last, a film of the same keys held in several levels, and strips.

    python benchmarks/show.py rank pipelines/coinrun-gpu data/coinrun-gpu/test-balanced --output build/starts
    python benchmarks/show.py film pipelines/coinrun-gpu --actions 2x8,1x4,3x8 --output docs/play.gif
    python benchmarks/show.py strips pipelines/coinrun-gpu --data data/coinrun-gpu/test-balanced --output strips.png
    python benchmarks/show.py strips pipelines/coinrun-gpu --pictures *.png --actions 2x50 --output strips.png
    python benchmarks/show.py transfer pipelines/coinrun-gpu data/coinrun-gpu/test-balanced --output transfer.png
    python benchmarks/show.py moving pipelines/coinrun-gpu data/coinrun-gpu/test-balanced --output moving.png

`rank` starts a world from the first frame of each level, holds every action, and orders the levels by what is left of
the picture's edges in the worst half of them after `--frames` frames; it writes the start pictures in this order.
`film` plays the same actions from the world's example pictures, side by side. `strips` draws frames up to the 50th, a
row for each start: with the actions inferred from held-out clips, or from pictures with given actions, as far as these
go. `transfer` draws held-out clips, and below each what its actions do from one of the world's example pictures.
`moving` draws those in which the camera stands still and most moves besides the player, and below each what the world
makes of its first frame.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

from genie_hf import GeniePipeline
from genie_hf.cli.playing import parse_actions
from genie_hf.data import HELD_OUT, VideoDataset
from genie_hf.drawing import to_gif
from genie_hf.drawing.rows import draw_rows, stacked
from genie_hf.models.displacement import displacement
from genie_hf.training.pictures import draw_clips


def edges(pixels: torch.Tensor) -> torch.Tensor:
    """Mean step from a pixel to the one on its right, of shape (...), of pixels (..., C, H, W)."""
    return pixels.diff(dim=-1).abs().mean(dim=(-3, -2, -1))


def rank(pipe: GeniePipeline, arguments: argparse.Namespace) -> None:
    dataset = VideoDataset(arguments.data, 1, pipe.video_tokenizer.config.frame_size, split=HELD_OUT)
    starts = torch.stack([dataset[int(i)]["pixels"] for i in dataset.first_frames[:-1]])[: arguments.levels, 0]
    starts = starts.unique(dim=0).float() / 255
    kept = []
    for start in starts:
        actions = list(range(pipe.dynamics.config.num_actions))
        world = pipe.start([start] * len(actions), seed=0, num_inference_steps=arguments.steps)
        frames = [world.step(actions, output_type="pt") for _ in range(arguments.frames)]
        left = edges(frames[-1]) / edges(start)
        kept.append(left.sort().values[: len(actions) // 2].mean().item())
        print(f"{len(kept):>4} of {len(starts)}: {kept[-1]:.2f}", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for place, i in enumerate(sorted(range(len(kept)), key=kept.__getitem__, reverse=True)):
        picture = Image.fromarray((starts[i] * 255).byte().movedim(0, -1).numpy())
        picture.save(arguments.output / f"{place:03d}-{kept[i]:.2f}.png")


def film(pipe: GeniePipeline, arguments: argparse.Namespace) -> None:
    pictures = arguments.pictures or sorted((Path(arguments.pipeline) / "examples").glob("*.png"))[:3]
    actions = parse_actions(arguments.actions)
    video = pipe([str(path) for path in pictures], actions=actions, num_inference_steps=arguments.steps,
                 generator=torch.Generator().manual_seed(arguments.seed)).frames  # fmt: skip
    frames = []
    for moment in zip(*video, strict=True):
        sheet = Image.new("RGB", (sum(frame.width + 2 for frame in moment) - 2, moment[0].height), "white")
        for i, frame in enumerate(moment):
            sheet.paste(frame, (i * (frame.width + 2), 0))
        frames.append(sheet)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(to_gif(frames, pipe.config.fps))


def strips(pipe: GeniePipeline, arguments: argparse.Namespace) -> None:
    moments = torch.tensor([0, 1, 2, 5, 10, 15, 20, 30, 40, 50])
    length = int(moments[-1])
    if arguments.pictures:
        if not arguments.actions:
            raise SystemExit("show.py strips: --pictures need --actions, such as 2x50.")
        starts = [str(path) for path in arguments.pictures]
        actions = torch.tensor(parse_actions(arguments.actions)[:length]).expand(len(starts), -1)
    else:
        dataset = VideoDataset(arguments.data, length + 1, pipe.video_tokenizer.config.frame_size, split=HELD_OUT)
        chosen = torch.linspace(0, len(dataset) - 1, arguments.rows).long().tolist()
        clips = torch.stack([dataset[i]["pixels"] for i in chosen])
        starts, actions = list(clips[:, 0].float() / 255), pipe.infer_actions(clips)
    moments = moments[moments <= actions.shape[1]]
    world = pipe.start(starts, seed=arguments.seed, num_inference_steps=arguments.steps)
    for step in actions.unbind(1):
        world.step(step.tolist())
    draw_clips({"": world.pixels[:, moments].float() / 255}).quantize(256).save(arguments.output)


def transfer(pipe: GeniePipeline, arguments: argparse.Namespace) -> None:
    length = pipe.video_tokenizer.config.num_frames
    dataset = VideoDataset(arguments.data, length, pipe.video_tokenizer.config.frame_size, split=HELD_OUT)
    chosen = torch.linspace(0, len(dataset) - 1, arguments.rows + 2)[1:-1].long().tolist()
    pictures = sorted((Path(arguments.pipeline) / "examples").glob("*.png"))
    sheets = []
    for number, index in enumerate(chosen):
        clip, picture = dataset[index]["pixels"], pictures[number % len(pictures)]
        video = pipe.transfer(clip, str(picture), num_inference_steps=arguments.steps, output_type="pt",
                              generator=torch.Generator().manual_seed(arguments.seed)).frames[0]  # fmt: skip
        rows = [("clip", clip.float() / 255, ()), (f"from {picture.stem}", video.cpu(), ())]
        sheets.append(draw_rows("", [(label, frames[::2], captions) for label, frames, captions in rows]))
    stacked(sheets).quantize(256).save(arguments.output)


def moving(pipe: GeniePipeline, arguments: argparse.Namespace) -> None:
    """Of each video one clip at most, and of all those with the most movement."""
    dataset = VideoDataset(arguments.data, 7, pipe.video_tokenizer.config.frame_size, split=HELD_OUT)
    found = {}
    for index in range(0, len(dataset), 5):
        clip = dataset[index]["pixels"].float() / 255
        if displacement(clip[:-1], clip[1:], reach=8, still_share=0.03).abs().max() >= 0.5:
            continue
        changed = clip.diff(dim=0).abs().mean(dim=1) > 0.08  # (T - 1, H, W)
        changed[:, 24:42, 24:40] = False  # the player
        video, _ = dataset.locate(index)
        found[video] = max(found.get(video, (0, None)), (int(changed.sum()), clip), key=lambda x: x[0])
    if not found:
        raise SystemExit("show.py moving: the camera stands still in no clip of this recording.")
    best = sorted(found.values(), key=lambda x: x[0], reverse=True)[: arguments.rows]
    clips = torch.stack([clip for _, clip in best])
    world = pipe.start(list(clips[:, 0]), seed=arguments.seed, num_inference_steps=arguments.steps)
    for step in pipe.infer_actions(clips).unbind(1):
        world.step(step.tolist())
    twice = [x.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2) for x in (clips, world.pixels.float() / 255)]
    draw_clips(dict(zip(("true", "imagined"), twice, strict=True))).quantize(256).save(arguments.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for function in (rank, film, strips, transfer, moving):
        command = commands.add_parser(function.__name__)
        command.add_argument("pipeline")
        command.set_defaults(function=function)
        command.add_argument("--steps", type=int, default=4, help="MaskGIT steps a frame")
        command.add_argument("--output", type=Path, required=True)
        if function is rank:
            command.add_argument("data", help="held-out recording")
            command.add_argument("--frames", type=int, default=30)
            command.add_argument("--levels", type=int, default=40)
            continue
        command.add_argument("--seed", type=int, default=0)
        if function in (transfer, moving):
            command.add_argument("data", help="held-out recording")
            command.add_argument("--rows", type=int, default=6)
            continue
        command.add_argument("--actions", required=function is film, help="as in genie-hf generate")
        command.add_argument("--pictures", nargs="+", type=Path, help="by default three of the world's examples")
        if function is strips:
            command.add_argument("--data", help="held-out recording, where there are no pictures")
            command.add_argument("--rows", type=int, default=12)
    arguments = parser.parse_args()
    pipe = GeniePipeline.from_pretrained(arguments.pipeline)
    pipe.set_progress_bar_config(disable=True)
    arguments.function(pipe, arguments)


if __name__ == "__main__":
    main()
