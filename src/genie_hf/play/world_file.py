"""A played world as a safetensors file."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

if TYPE_CHECKING:
    from ..pipeline_genie import GeniePipeline

FILE_FORMAT = "genie_hf.world"


class WorldFile(NamedTuple):
    """What a file holds.

    Args:
        prompt: the first frames, uint8 of shape `(batch_size, num_prompt_frames, channels, height, width)`.
        codes: of all frames, of shape `(batch_size, num_frames, h, w)`.
        actions: between them, of shape `(batch_size, num_frames - 1)`.
        seeds: of shape `(batch_size,)`.
        num_inference_steps: MaskGIT steps for a frame.
        temperature: sampling temperature.
        batched: whether actions and frames are lists over the batch.
    """

    prompt: Tensor
    codes: Tensor
    actions: Tensor
    seeds: Tensor
    num_inference_steps: int
    temperature: float
    batched: bool

    def write(self, path: str | Path) -> None:
        contents = self._asdict()
        tensors = {name: x.contiguous() for name, x in contents.items() if isinstance(x, Tensor)}
        settings = {name: str(x) for name, x in contents.items() if not isinstance(x, Tensor)}
        save_file(tensors, path, {"format": FILE_FORMAT} | settings)

    @classmethod
    def read(cls, path: str | Path, pipe: "GeniePipeline") -> "WorldFile":
        """A file's contents on the pipeline's device.

        Raises:
            ValueError: for a file that holds no world, or one that does not fit the pipeline.
        """
        try:
            with safe_open(path, "pt", device=str(pipe._execution_device)) as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path} cannot be read as a saved world ({error}); give a file from save().") from error
        if metadata.get("format") != FILE_FORMAT:
            raise ValueError(f"{path} is not a saved world; give a file from save().")
        world = cls(
            **tensors,
            num_inference_steps=int(metadata["num_inference_steps"]),
            temperature=float(metadata["temperature"]),
            batched=metadata["batched"] == "True",
        )
        config = pipe.dynamics.config
        if (
            tuple(world.prompt.shape[-2:]) != tuple(pipe.video_tokenizer.config.frame_size)
            or list(world.codes.shape[-2:]) != list(config.grid_size)
            or world.codes.max() >= config.codebook_size
            or (world.actions.numel() and world.actions.max() >= config.num_actions)
        ):
            raise ValueError(f"{path} comes from another world; load it with the pipeline that it was played with.")
        return world
