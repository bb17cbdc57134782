"""`GeniePipeline`: an image and latent actions in, frames out (paper §2.2)."""

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL.Image
import torch
from diffusers import DiffusionPipeline
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from diffusers.utils import BaseOutput
from torch import Tensor

from .fingerprint import check_fingerprints
from .frames import OUTPUT_TYPES, ImageInput, check_output_type, fit_frames, to_output
from .lora import DynamicsLoraMixin
from .models.latent_action_base import LatentActionModel
from .models.modeling_dynamics import GenieDynamicsModel
from .models.modeling_reward import GenieRewardModel
from .models.modeling_video_tokenizer import GenieVideoTokenizer
from .pipeline_checks import (
    batch_clips,
    check_actions,
    check_callback_tensors,
    check_generator,
    check_latent_action_model,
    check_num_images_per_prompt,
    check_one_start,
    check_parts,
    check_seeds,
)
from .pipeline_storage import PipelineStorage
from .play.frame_graph import FrameGraphs
from .play.world import GenieWorld
from .registration import register_pipeline
from .scheduling_maskgit import MaskGITScheduler


@dataclass
class GeniePipelineOutput(BaseOutput):
    """Output of [`GeniePipeline`].

    Args:
        frames: prompt frames and generated frames of each video: PIL images, or floats in [0, 1] of shape
            `(batch_size, num_frames, height, width, channels)` (NumPy) or
            `(batch_size, num_frames, channels, height, width)` (PyTorch); with `output_type="latent"` their codes,
            int64 of shape `(batch_size, num_frames, h, w)`.
        actions: the latent action between each two frames, those inferred between prompt frames included, of shape
            `(batch_size, num_frames - 1)`.
    """

    frames: list[list[PIL.Image.Image]] | np.ndarray | Tensor
    actions: torch.LongTensor


class GeniePipeline(DynamicsLoraMixin, PipelineStorage):
    """Plays a world learnt from video: frames from a prompt image and latent actions.

    Images of any size are fitted to the world's: the largest centred part of its aspect ratio is cut out and resized.

    Args:
        video_tokenizer: turns frames into codes and codes into frames.
        dynamics: predicts the codes of the next frame.
        scheduler: reveals these codes step by step.
        latent_action_model: infers actions from frames; playing needs none.
        reward_model: says what arriving at a frame is worth, and whether an episode ends there; for agents.
        text_to_image: makes the first frame from a text prompt, e.g. given to `from_pretrained`. A stored one is
            loaded in the `dtype` that is asked for, as the models are.
        fps: frames per second at which the world's videos are shown.
    """

    _optional_components = ["latent_action_model", "reward_model", "text_to_image"]
    model_cpu_offload_seq = "video_tokenizer->latent_action_model->dynamics->reward_model"
    _callback_tensor_inputs = ["codes"]
    frame_graphs: FrameGraphs | None = None

    def __init__(
        self,
        video_tokenizer: GenieVideoTokenizer,
        dynamics: GenieDynamicsModel,
        scheduler: MaskGITScheduler,
        latent_action_model: LatentActionModel | None = None,
        text_to_image: DiffusionPipeline | None = None,
        reward_model: GenieRewardModel | None = None,
        fps: int | float = 15,
    ):
        super().__init__()
        if not isinstance(fps, (int, float)) or fps <= 0:
            raise ValueError(f"fps is {fps!r}; give the frames per second of the world's videos, more than 0.")
        self.register_modules(
            video_tokenizer=video_tokenizer,
            dynamics=dynamics,
            scheduler=scheduler,
            latent_action_model=latent_action_model,
            text_to_image=text_to_image,
            reward_model=reward_model,
        )
        self.register_to_config(fps=fps)
        check_parts(self)
        check_fingerprints(dynamics, video_tokenizer, latent_action_model, reward_model)
        self._interrupt = False
        self._num_timesteps = 0

    @property
    def num_actions(self) -> int:
        """Latent actions of this world."""
        return self.dynamics.config.num_actions

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of its frames in pixels."""
        return self.video_tokenizer.config.frame_size

    @property
    def num_timesteps(self) -> int:
        """MaskGIT steps of the last call, over all its frames."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Whether a callback has asked the call to stop, by `pipe._interrupt = True`."""
        return self._interrupt

    def to(self, *args, **kwargs) -> "GeniePipeline":
        super().to(*args, **kwargs)
        if self.text_to_image is not None:  # diffusers moves models, not a pipeline in a pipeline
            self.text_to_image.to(*args, **kwargs)
        if self.device.type != "cuda":
            self.frame_graphs = None
        return self

    @torch.no_grad()
    def __call__(
        self,
        image: ImageInput | list[ImageInput] | None = None,
        actions: list[int] | list[list[int]] | Tensor | None = None,
        frames: list[ImageInput] | list[list[ImageInput]] | np.ndarray | Tensor | None = None,
        prompt: str | list[str] | None = None,
        num_inference_steps: int = 25,
        temperature: float | None = None,
        num_images_per_prompt: int = 1,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        text_to_image_kwargs: dict | None = None,
        callback_on_step_end: Callable[["GeniePipeline", int, int, dict], dict | None] | None = None,
        callback_on_step_end_tensor_inputs: list[str] | tuple[str, ...] = ("codes",),
    ) -> GeniePipelineOutput | tuple:
        """Generates one frame per action.

        Args:
            image: the first frame of one video, or of each video of a batch. PIL images may have any mode
                (transparency turns white); arrays are uint8 or floats in [0, 1], `(height, width, channels)` for
                NumPy, `(channels, height, width)` for PyTorch, with a batch axis in front for several images.
            actions: latent actions in `[0, num_actions)`: a list for all images, or one of equal length for each.
            frames: instead of `image`: the 1 to `num_frames - 1` first frames of a video, or a batch of such clips.
                The actions between them are inferred by the latent action model.
            prompt: instead of `image`: a text, or one for each video, that the `text_to_image` component makes the
                first frame from.
            num_inference_steps: MaskGIT steps for each frame.
            temperature: sampling temperature; by default the scheduler's own.
            num_images_per_prompt: videos for each image, clip or text, side by side in the batch; for a text, each
                with a first frame of its own. They share the image's `actions`, and a list of generators has one for
                each of them.
            generator: makes the result repeatable; a list has one for each video.
            output_type: `"pil"`, `"np"`, `"pt"`, or `"latent"` for codes.
            return_dict: whether to return a [`GeniePipelineOutput`] or a tuple.
            text_to_image_kwargs: further arguments of the `text_to_image` component.
            callback_on_step_end: called as `callback(pipe, step, timestep, tensors)` after each MaskGIT step, counted
                over all frames; may return a dict with tensors to go on with. `pipe._interrupt = True` ends the call
                with the frame that is being made.
            callback_on_step_end_tensor_inputs: the tensors that the callback gets: `"codes"`, the new frame's, int64
                of shape `(batch_size, 1, h, w)` and in part still masked.

        Returns:
            The prompt frames with one frame per action behind them, and all actions.

        Raises:
            ValueError: for inputs that this world cannot take; the message names value and remedy.
            TypeError: for inputs of a wrong type.
        """
        # 1. Check and fit the inputs
        check_output_type(output_type, (*OUTPUT_TYPES, "latent"))
        check_generator(generator)
        if isinstance(callback_on_step_end, (PipelineCallback, MultiPipelineCallbacks)):
            callback_on_step_end_tensor_inputs = callback_on_step_end.tensor_inputs
        check_callback_tensors(callback_on_step_end_tensor_inputs)
        check_num_images_per_prompt(num_images_per_prompt)
        if actions is None:
            raise ValueError("no actions came; give actions=[...], one for each frame to generate.")
        if prompt is not None and num_images_per_prompt > 1:
            text_to_image_kwargs = (text_to_image_kwargs or {}) | {"num_images_per_prompt": num_images_per_prompt}
        pixels, _ = self._prompt_frames(image, frames, prompt, generator, text_to_image_kwargs)
        if prompt is None:
            pixels = pixels.repeat_interleave(num_images_per_prompt, dim=0)
        taken = self.check_actions(actions, len(pixels) // num_images_per_prompt, dim=2)
        taken = taken.repeat_interleave(num_images_per_prompt, dim=0)

        # 2. Start a world in which each video has a seed drawn from its generator
        world = self._start(pixels, self._draw_seeds(generator, len(pixels)), num_inference_steps, temperature, True)
        self._interrupt, self._num_timesteps = False, taken.shape[1] * num_inference_steps
        if callback_on_step_end is not None:
            count = itertools.count()

            def on_draw(timestep: int, codes: Tensor) -> Tensor:
                tensors = {name: codes for name in callback_on_step_end_tensor_inputs}
                return (callback_on_step_end(self, next(count), timestep, tensors) or {}).get("codes", codes)

            world.sampler.on_draw = on_draw

        # 3. Play it
        with self.progress_bar(total=taken.shape[1]) as progress_bar:
            for action in taken.unbind(1):
                if self._interrupt:
                    break
                world.step(action, output_type="pt")
                progress_bar.update()

        # 4. Output
        frames = world.codes if output_type == "latent" else to_output(world.pixels, output_type)
        output = (frames, world._all_actions)
        self.maybe_free_model_hooks()
        return GeniePipelineOutput(*output) if return_dict else output

    @torch.no_grad()
    def start(
        self,
        image: ImageInput | list[ImageInput] | None = None,
        frames: list[ImageInput] | list[list[ImageInput]] | np.ndarray | Tensor | None = None,
        prompt: str | list[str] | None = None,
        seed: int | list[int] = 0,
        num_inference_steps: int = 25,
        temperature: float | None = None,
        max_frame_ms: float | None = None,
        text_to_image_kwargs: dict | None = None,
        max_history: int | None = None,
    ) -> GenieWorld:
        """Starts a world to be played step by step.

        Args:
            image: the first frame, as in [`~GeniePipeline.__call__`]. A list of images makes a batched world.
            frames: the first frames, as in [`~GeniePipeline.__call__`]. A batch of clips makes a batched world.
            prompt: a text instead, as in [`~GeniePipeline.__call__`].
            seed: a number from 0 upwards, or one for each world; same seed, same frames. World `b` of a batch plays
                with `seed + b` where a single number is given.
            num_inference_steps: MaskGIT steps for each frame.
            temperature: sampling temperature; by default the scheduler's own.
            max_frame_ms: a time budget for a frame in milliseconds: `num_inference_steps` is then the most that a
                frame gets, and each gets as many as the past ones say will fit, at least 1.
            text_to_image_kwargs: further arguments of the `text_to_image` component.
            max_history: how many of the last steps are kept to be taken back and looked at. Those long before them are
                forgotten, so that the world's memory is bounded however long it is played; it cannot be saved then. By
                default none is forgotten.

        Returns:
            The world, at its first frame or frames.

        Raises:
            ValueError: for inputs that this world cannot take; the message names value and remedy.
            TypeError: for inputs of a wrong type.
        """
        seeds = check_seeds(seed)
        generator = torch.Generator().manual_seed(seeds[0])
        pixels, batched = self._prompt_frames(image, frames, prompt, generator, text_to_image_kwargs)
        if seed == seeds[0]:
            seeds = check_seeds([seed + b for b in range(len(pixels))])
        elif len(seeds) != len(pixels):
            raise ValueError(f"{len(seeds)} seeds came for {len(pixels)} worlds; give one for each.")
        return self._start(pixels, seeds, num_inference_steps, temperature, batched, max_frame_ms, max_history)

    def compile(self, **kwargs) -> "GeniePipeline":
        """Compiles what [`GenieWorld.step`] spends its time in: the blocks of the dynamics and of the decoder.

        Compiling happens at the first frames, again for each new batch size, and takes about half a minute on two CPU
        cores; PyTorch keeps the result on disk, so that the next process takes some seconds. Move the pipeline to its
        device and dtype before, and leave its models alone afterwards: whether the weights are still the same is not
        checked at each pass, as that would take a tenth of it. (It is by a PyTorch before 2.13, which cannot keep the
        two models' graphs apart otherwise.)

        On CUDA each block is compiled alone, which takes a fraction of the time, as blocks of a kind share the result.
        Called before [`~GeniePipeline.enable_cuda_graphs`] it makes frames 1.1 to 1.4 times as fast again; then leave
        out `mode="reduce-overhead"`, which makes graphs of its own.

        Args:
            kwargs: of `torch.compile`.
        """
        kwargs = {"dynamic": False, **kwargs}
        stacks = self.dynamics.transformer.blocks, self.video_tokenizer.decoder.blocks
        known = inspect.signature(torch.compile).parameters
        if self.device.type == "cuda":
            if "recompile_limit" in known:  # dynamo's own setting is each thread's then
                kwargs = {"recompile_limit": 64, **kwargs}  # for all blocks together
            else:
                torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
            for block in itertools.chain(*stacks):
                block.compile(**kwargs)
            return self
        # The dynamics and the decoder run the same code: each needs graphs of its own, and static shapes.
        if "isolate_recompiles" in known:
            kwargs = {"isolate_recompiles": True, "recompile_limit": 32, **kwargs}
            if "mode" not in kwargs:
                unchecked = {"guard_filter_fn": torch.compiler.skip_guard_on_all_nn_modules_unsafe}
                kwargs["options"] = unchecked | kwargs.get("options", {})
        for blocks in stacks:
            blocks.compile(**kwargs)
        return self

    def enable_cuda_graphs(self) -> "GeniePipeline":
        """Lets worlds that are started from now on play each frame as one CUDA graph, several times as fast.

        A frame is thousands of small operations, and without a graph a GPU waits for Python before each of them. A
        graph is recorded at the first frame, which then takes about twice its time, and again for another number of
        worlds played together, of MaskGIT steps, another temperature or order of unmasking. Frames are the same.

        Put the pipeline on its device before, and do not offload it afterwards. What is watched while it is drawn
        (`callback_on_step_end`, previews), worlds with `max_frame_ms` and dynamics with LoRA adapters are played
        without graphs.

        Raises:
            ValueError: for a pipeline that does not lie on one CUDA device, or whose weights are offloaded.
        """
        models = self.dynamics, self.video_tokenizer
        devices = {parameter.device for model in models for parameter in model.parameters()}
        if len(devices) > 1 or self.device.type != "cuda":
            raise ValueError(
                "CUDA graphs need all weights on one CUDA device; they are on "
                f"{', '.join(sorted(map(str, devices)))}. Move the pipeline there first, and leave out offloading."
            )
        self.frame_graphs = FrameGraphs()
        return self

    @torch.no_grad()
    def infer_actions(self, clip: list[ImageInput] | list[list[ImageInput]] | np.ndarray | Tensor) -> Tensor:
        """The latent actions of a clip.

        Args:
            clip: at least two frames of one video, or a batch of such clips, each as in [`~GeniePipeline.__call__`]. A
                clip longer than the model's window is read in windows that overlap by half.

        Returns:
            Actions of shape `(num_frames - 1,)`, with a batch axis in front for a batch.
        """
        pixels, batched = self._fit_clip(clip)
        actions = self._infer_actions(pixels)
        return actions if batched else actions[0]

    def resimulate(self, clip, num_prompt_frames: int = 1, **kwargs) -> GeniePipelineOutput | tuple:
        """Generates a clip again from its first frame and the actions inferred from it (paper §2.2).

        Args:
            clip: as in [`~GeniePipeline.infer_actions`].
            num_prompt_frames: how many first frames are given.
            kwargs: as in [`~GeniePipeline.__call__`].

        Returns:
            As [`~GeniePipeline.__call__`].

        Raises:
            ValueError: for a clip of one frame, or one that so many prompt frames leave nothing of.
        """
        pixels, _ = self._fit_clip(clip)
        if not 1 <= num_prompt_frames < pixels.shape[1]:
            raise ValueError(f"num_prompt_frames is {num_prompt_frames}; choose 1 to {pixels.shape[1] - 1}.")
        actions = self._infer_actions(pixels)[:, num_prompt_frames - 1 :]
        return self(frames=pixels[:, :num_prompt_frames], actions=actions, **kwargs)

    def transfer(self, clip, image: ImageInput, **kwargs) -> GeniePipelineOutput | tuple:
        """Plays what happens in a clip from another picture (paper §3.2): the same latent actions mean the same there.

        Args:
            clip: as in [`~GeniePipeline.infer_actions`].
            image: as in [`~GeniePipeline.__call__`].
            kwargs: as in [`~GeniePipeline.__call__`].

        Returns:
            As [`~GeniePipeline.__call__`].
        """
        return self(image=image, actions=self.infer_actions(clip), **kwargs)

    # Inputs

    def check_actions(self, actions: int | list | np.ndarray | Tensor, batch_size: int | None, dim: int) -> Tensor:
        """Actions as int64 with `dim` axes, the batch first; shared ones are repeated."""
        return check_actions(actions, self.num_actions, batch_size, dim)

    def _prompt_frames(self, image, frames, prompt, generator, text_to_image_kwargs) -> tuple[Tensor, bool]:
        """The first frames, uint8 (B, P, C, H, W), from the one input that is given; and whether it was a batch."""
        check_parts(self)
        check_one_start(image=image, frames=frames, prompt=prompt)
        if prompt is not None:
            if self.text_to_image is None:
                raise ValueError(f"prompt {prompt!r} needs a text_to_image pipeline; give one to from_pretrained.")
            images = self.text_to_image(prompt, generator=generator, **(text_to_image_kwargs or {})).images
            image = images[0] if isinstance(prompt, str) and len(images) == 1 else images
        pixels = fit_frames(image if frames is None else frames, self.frame_size)
        if pixels.dim() == 3:
            pixels, batched = pixels[None, None], False  # (C, H, W) -> (1, 1, C, H, W)
        elif pixels.dim() == 4 and frames is None:
            pixels, batched = pixels[:, None], True  # (B, C, H, W) -> (B, 1, C, H, W)
        else:
            pixels, batched = batch_clips(pixels)
        most = min(self.dynamics.config.num_frames, self.video_tokenizer.config.num_frames) - 1
        if pixels.shape[1] > most:
            raise ValueError(f"{pixels.shape[1]} prompt frames came; this world takes 1 to {most}.")
        if pixels.shape[1] > 1:
            check_latent_action_model(self)
        return pixels.to(self._execution_device), batched

    def _fit_clip(self, clip) -> tuple[Tensor, bool]:
        """A clip or a batch of them as uint8 (B, T, C, H, W), and whether it was a batch."""
        check_latent_action_model(self)
        pixels, batched = batch_clips(fit_frames(clip, self.frame_size))
        if pixels.shape[1] < 2:
            raise ValueError("the clip has 1 frame; an action lies between two, give at least 2 frames.")
        return pixels.to(self._execution_device), batched

    @staticmethod
    def _draw_seeds(generator: torch.Generator | list[torch.Generator] | None, batch_size: int) -> list[int]:
        def draw(g, n):
            return torch.randint(2**63 - 1, (n,), generator=g, device=None if g is None else g.device).tolist()

        if not isinstance(generator, list):
            return draw(generator, batch_size)
        if len(generator) != batch_size:
            raise ValueError(f"{len(generator)} generators came for {batch_size} videos; give one for each.")
        return [draw(g, 1)[0] for g in generator]

    # Inside

    def _start(self, pixels: Tensor, seeds: list[int], *settings) -> GenieWorld:
        codes = self.video_tokenizer.encode(pixels)
        if pixels.shape[1] > 1:
            actions = self._infer_actions(pixels)
        else:
            actions = codes.new_empty(len(codes), 0)
        return GenieWorld(self, pixels, codes, actions, seeds, *settings)

    def _infer_actions(self, pixels: Tensor) -> Tensor:
        """uint8 (B, T, C, H, W) -> (B, T - 1)."""
        model = self.latent_action_model
        window = model.config.num_frames
        actions, start = pixels.new_empty(len(pixels), 0, dtype=torch.int64), 0
        while actions.shape[1] < pixels.shape[1] - 1:
            frames = pixels[:, start : start + window]
            if model.config.input == "codes":
                frames = self.video_tokenizer.encode(frames)
            known = actions.shape[1] - start  # the windows overlap
            actions = torch.cat([actions, model.infer_actions(frames)[:, known:]], dim=1)
            start += window // 2
        return actions


register_pipeline(GeniePipeline)
