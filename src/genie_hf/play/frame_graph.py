"""Frames as CUDA graphs: a frame is thousands of small operations, and a GPU should not wait for Python with each."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .sampler import Sampler
from .world_cache import WorldCache

LOCK = threading.Lock()  # only one graph can be recorded at a time, and worlds share what a graph works in


class GraphSampler(Sampler):
    """A sampler that records what a frame takes, once for each kind of frame, and from then on replays it.

    Args:
        graphs: those recorded so far; samplers of the same models share them.
        args: as in `Sampler`.
    """

    def __init__(self, graphs: "FrameGraphs", *args):
        super().__init__(*args)
        self.graphs = graphs

    def step(self, action: Tensor, generators: list[torch.Generator], cache: WorldCache) -> tuple[Tensor, Tensor]:
        has_adapters = getattr(self.dynamics, "peft_config", None)  # which may change from frame to frame
        if has_adapters or self.on_draw is not None:  # or someone wants to see each MaskGIT step
            return super().step(action, generators, cache)
        return self.graphs.step(self, action, generators, cache)


class Kind(NamedTuple):
    """Frames of equal kinds have one graph.

    Attributes:
        sampler: its kind.
        attention: how the two models compute it.
        autocast: what matrix products are cast to, where they are.
        batch_size: worlds that are stepped together.
    """

    sampler: tuple
    attention: tuple[str, str]
    autocast: torch.dtype | None
    batch_size: int


class FrameGraphs:
    """The graphs of one pipeline, by their kind.

    Attributes:
        most: how many are kept; the least recently used one is dropped first. Each has as much memory as the caches of
            its worlds.
    """

    most = 32

    def __init__(self):
        self._graphs: OrderedDict[Kind, FrameGraph] = OrderedDict()

    def __reduce__(self) -> tuple:
        """A copy has none: the copied models lie elsewhere in memory."""
        return FrameGraphs, ()

    def step(
        self, sampler: Sampler, action: Tensor, generators: list[torch.Generator], cache: WorldCache
    ) -> tuple[Tensor, Tensor]:
        """As [`Sampler.step`]; a kind of frame is recorded when it first comes, or its weights have moved."""
        attention = sampler.dynamics.config._attn_implementation, sampler.video_tokenizer.config._attn_implementation
        device = action.device.type
        autocast = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        kind = Kind(sampler.kind, attention, autocast, len(action))
        with LOCK:
            if kind not in self._graphs or self._graphs[kind].have_weights_moved():
                self._graphs[kind] = FrameGraph(sampler, action, cache)
            self._graphs.move_to_end(kind)
            if len(self._graphs) > self.most:
                self._graphs.popitem(last=False)
            return self._graphs[kind].step(action, generators, cache)


class FrameGraph:
    """A frame of one or more worlds, recorded: all MaskGIT steps, the pass that keeps the frame, and its decoding.

    A graph reads and writes the same memory in each replay. So it has an action, random numbers and caches of its own,
    into which those of a frame are copied; and after it the caches are copied back.

    Args:
        sampler: what is recorded, with its scheduler's steps and temperature.
        action: as in [`Sampler.step`].
        cache: of the frames before the one to be recorded, of which there must be one. It stays as it is.
    """

    @torch.inference_mode()
    def __init__(self, sampler: Sampler, action: Tensor, cache: WorldCache):
        self.sampler = Sampler(sampler.dynamics, sampler.video_tokenizer, sampler.scheduler)  # it knows no graphs
        modules = [*sampler.dynamics.modules(), *sampler.video_tokenizer.modules()]
        self.places = [(module._parameters, name) for module in modules for name in module._parameters]
        self.addresses = self._addresses()
        self.action, self.cache = action.clone(), cache.repeat_interleave(1)
        self.numbers = Numbers(action)
        self._draw()  # kernels are loaded, blocks compiled, and the random numbers counted
        self.numbers.allocate()
        self.replay = record(self._draw, action.device)

    def _draw(self) -> tuple[Tensor, Tensor]:
        *_, codes = self.sampler.drawing(self.action, self.numbers, self.cache)
        return codes, self.sampler.pass_frames(codes, self.action, self.cache)

    def have_weights_moved(self) -> bool:
        """Whether any is elsewhere in memory than when the frame was recorded, as others may have taken its place."""
        return self.addresses != self._addresses()

    def _addresses(self) -> list[int]:
        """Of all weights: by their places, as a walk through the modules would take 0.4 ms of each frame."""
        weights = [parameters[name] for parameters, name in self.places]
        return [weight.data_ptr() for weight in weights if weight is not None]

    @torch.inference_mode()
    def step(self, action: Tensor, generators: list[torch.Generator], cache: WorldCache) -> tuple[Tensor, Tensor]:
        """As [`Sampler.step`]."""
        transformers = self.sampler.dynamics.transformer, self.sampler.video_tokenizer.decoder
        for transformer, own, given in zip(transformers, self.cache, cache, strict=True):
            like = transformer.position_embedding.weight.to(transformer.dtype).expand(len(action), 1, -1, -1)
            given.prepare(like, transformer.config)
            own.copy_(given)
            own.copy_window_(given)
        self.action.copy_(action)
        self.numbers.draw(generators)
        codes, frames = self.replay()
        for own, given in zip(self.cache, cache, strict=True):
            given.copy_(own)
        cache.advance()
        return codes.clone(), frames[:, -1].clone()


class Numbers:
    """Random numbers of a frame, drawn before it: what a recorded scheduler takes in place of generators.

    The first time that a frame is drawn it counts how many are asked for.

    Args:
        action: of the frame, of shape `(batch_size, 1)`; says where the numbers are wanted.
    """

    def __init__(self, action: Tensor):
        self._tape = torch.zeros(len(action), 0, device=action.device)
        self._position = 0

    def allocate(self) -> None:
        """Makes room for as many as were asked for."""
        self._tape = self._tape.new_zeros(len(self._tape), self._position)
        self._position = 0

    def draw(self, generators: list[torch.Generator]) -> None:
        """Draws all numbers of a frame, as a scheduler would draw them one step after the other."""
        drawn = [torch.rand(self._tape.shape[1], generator=generator) for generator in generators]
        self._tape.copy_(torch.stack(drawn))
        self._position = 0

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        """The next ones, in [0, 1), of a shape that begins with the batch; zeros while they are counted."""
        start, self._position = self._position, self._position + math.prod(shape[1:])
        if not self._tape.shape[1]:
            return self._tape.new_zeros(shape)
        return self._tape[:, start : self._position].view(shape)


def record(function: Callable[[], tuple[Tensor, Tensor]], device: torch.device) -> Callable[[], tuple[Tensor, Tensor]]:
    """The operations of a function as a CUDA graph: what comes back runs them again, and gives the same tensors."""
    with torch.cuda.device(device):
        graph = torch.cuda.CUDAGraph()
        torch._C._cuda_clearCublasWorkspaces()  # or it might record that of another graph, which goes with that one
        with torch.cuda.graph(graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
            results = function()
        torch._C._cuda_clearCublasWorkspaces()

    def replay() -> tuple[Tensor, Tensor]:
        with torch.cuda.device(device):
            graph.replay()
        return results

    return replay
