"""What somebody recorded of the real CoinRun, to learn from before levels that are not in it are played."""

from collections.abc import Sequence

from ..data.video_dataset import VideoDataset
from ..evaluation.clips import Source, name_of, warn_of_another_pace
from ..pipeline_genie import GeniePipeline


def open_recording(pipe: GeniePipeline, source: Source, mode: str, levels: Sequence[int]) -> VideoDataset:
    """A recording with true actions, in clips of the frames that the pipeline's latent action model sees.

    Args:
        pipe: the world.
        source: the recording: what `VideoDataset` takes as its source.
        mode: `"easy"` or `"hard"`: how the real game will be played.
        levels: those that will be played.

    Raises:
        ValueError: the pipeline has no latent action model; or the recording has no true actions, was played in the
            other mode, or contains some of the levels.
    """
    if pipe.latent_action_model is None:
        raise ValueError("the pipeline has no latent_action_model to infer actions with; load it as well.")
    data, name = VideoDataset(source, pipe.latent_action_model.config.num_frames, pipe.frame_size), name_of(source)
    warn_of_another_pace(pipe, data, name)
    if not data.has_actions:
        raise ValueError(f"{name} has no true actions to compare with: record the expert's buttons.")
    for reader in data.readers:
        recorded = reader.notes.get("mode", mode)
        if recorded != mode:
            raise ValueError(f"{name} was recorded in {recorded} mode, not {mode}: play it in {recorded} mode.")
    if known := sorted(set(levels) & set(recorded_levels(data))):
        raise ValueError(f"{len(known)} of the levels to solve are in {name}, the first is {known[0]}: choose others.")
    return data


def recorded_levels(data: VideoDataset) -> list[int]:
    """The seeds of the levels that were recorded, as far as `recording.json` tells them."""
    ranges = [reader.notes.get("levels", (0, 0)) for reader in data.readers]
    return [level for first, stop in ranges for level in range(first, stop)]
