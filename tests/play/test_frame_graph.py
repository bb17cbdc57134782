"""Frames as CUDA graphs. Where there is no CUDA, what would be recorded is run again in its place."""

import copy
import gc
import weakref

import pytest
import torch
from accelerate import cpu_offload

from genie_hf import GenieWorld
from genie_hf.play import frame_graph
from genie_hf.play.frame_graph import FrameGraphs

STEPS = 3
ACTIONS = [0, 4, 2, 1, 3, 0, 4]  # more than the window holds


def run_again(function, device):
    """In place of `record`."""
    method = weakref.WeakMethod(function)  # a recorded graph does not hold it either
    return lambda: method()()


@pytest.fixture(params=["run again", "cuda"])
def pipes(request, tiny_pipeline, monkeypatch):
    """The same pipeline without graphs and with them."""
    plain = copy.deepcopy(tiny_pipeline)
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")
        return plain.to("cuda"), copy.deepcopy(plain).to("cuda").enable_cuda_graphs()
    monkeypatch.setattr(frame_graph, "record", run_again)
    pipe = copy.deepcopy(plain)
    pipe.frame_graphs = FrameGraphs()
    return plain, pipe


def same(worlds):
    plain, graphs = worlds
    return torch.equal(plain.codes, graphs.codes) and torch.equal(plain.pixels, graphs.pixels)


@pytest.mark.parametrize("order", ["random", "halton", "confidence"])
@pytest.mark.parametrize("num_worlds", [1, 2])
def test_frames_are_the_same(pipes, clips, play, order, num_worlds):
    for pipe in pipes:
        pipe.scheduler.register_to_config(unmasking_order=order)
    images = [clips[0, 0], clips[1, 0]][:num_worlds]
    assert same([play(pipe.start(images, num_inference_steps=STEPS), ACTIONS) for pipe in pipes])
    (graph,) = pipes[1].frame_graphs._graphs.values()
    assert len(graph.action) == num_worlds


def test_worlds_share_a_graph_and_do_not_meet_in_it(pipes, clips):
    frames = []
    for pipe in pipes:
        worlds = [pipe.start(clips[b, 0], num_inference_steps=STEPS, seed=7 * b) for b in (0, 1)]
        frames.append([world.step(action, "pt") for action in ACTIONS for world in worlds])
    assert all(torch.equal(*pair) for pair in zip(*frames, strict=True))
    assert len(pipes[1].frame_graphs._graphs) == 1


def test_worlds_go_back_and_fork_and_are_stepped_together(pipes, clips, play):
    worlds = []
    for pipe in pipes:
        world = play(pipe.start(clips[0, 0], num_inference_steps=STEPS), ACTIONS)
        undone = world.undo(3)
        other = play(world.fork(), [1, 1])
        world.redo(undone[:1])
        for _ in range(2):
            GenieWorld.step_together([world, other], [2, 3])
        imagined, _ = world.imagine([[0, 1], [4, 4]])
        worlds += [world, other, imagined]
    assert same(worlds[0::3]) and same(worlds[1::3])
    assert torch.equal(worlds[2], worlds[5])


def test_a_copied_pipeline_records_graphs_of_its_own(pipes, clips, play):
    plain, pipe = pipes
    play(pipe.start(clips[0, 0], num_inference_steps=STEPS), ACTIONS)
    other = copy.deepcopy(pipe)
    other.dynamics.head.bias.data[3] += 100  # its frames differ from the first one's
    plain.dynamics.head.bias.data[3] += 100
    assert same([play(p.start(clips[0, 0], num_inference_steps=STEPS), ACTIONS) for p in (plain, other)])


def test_another_kind_of_frame_is_recorded_apart(pipes, clips, play):
    _, pipe = pipes
    graphs = pipe.frame_graphs
    graphs.most = 2
    kinds = {"temperature": 0.0}, {"temperature": 1.0}, {"num_inference_steps": 2}, {"unmasking_order": "halton"}
    for count, settings in enumerate(kinds, 1):  # the third drops the first
        pipe.scheduler.register_to_config(unmasking_order=settings.pop("unmasking_order", "random"))
        play(pipe.start(clips[0, 0], **{"num_inference_steps": STEPS} | settings), [0, 1])
        assert len(graphs._graphs) == min(count, 2)
    assert [kind.sampler[-1] for kind in graphs._graphs] == ["random", "halton"]


def test_frames_under_autocast_are_another_kind(pipes, clips, play):
    _, pipe = pipes
    world = play(pipe.start(clips[0, 0], num_inference_steps=STEPS), [0, 1])
    with torch.autocast(pipe.device.type, torch.bfloat16):
        world.step(2)
    assert [kind.autocast for kind in pipe.frame_graphs._graphs] == [None, torch.bfloat16]


def test_models_go_with_their_pipeline(pipes, clips, play):
    pipe = copy.deepcopy(pipes[1])
    play(pipe.start(clips[0, 0], num_inference_steps=STEPS), [0, 1])
    dynamics = weakref.ref(pipe.dynamics)
    gc.disable()  # a GPU's memory should not wait for it
    try:
        del pipe
        assert dynamics() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("replaced", [False, True])
def test_weights_that_have_moved_are_recorded_again(pipes, clips, play, replaced):
    _, pipe = pipes
    recorded = []
    for code in (1, 2):
        values = torch.zeros_like(pipe.dynamics.head.bias)  # elsewhere; the other parameters stay where they are
        values[code] = 100
        if replaced:
            pipe.dynamics.head.bias = torch.nn.Parameter(values)
        else:
            pipe.dynamics.head.bias.data = values
        world = play(pipe.start(clips[0, 0], num_inference_steps=STEPS), [0, 1])
        assert (world.codes[:, 1:] == code).all()
        recorded += pipe.frame_graphs._graphs.values()
    assert len(recorded) == 2 and recorded[0] is not recorded[1]


def test_adapters_are_played_without_as_they_may_change(pipes, clips, play):
    peft = pytest.importorskip("peft", reason="LoRA needs peft")
    worlds = []
    for pipe in pipes:
        torch.manual_seed(0)
        pipe.dynamics.add_adapter(peft.LoraConfig(target_modules=["out"], r=2, init_lora_weights=False))
        worlds.append(play(pipe.start(clips[0, 0], num_inference_steps=STEPS), ACTIONS))
    assert same(worlds) and not pipes[1].frame_graphs._graphs


def test_who_watches_the_drawing_sees_each_step(pipes, clips):
    seen = []
    frames = [
        pipe(
            clips[0, 0],
            actions=[0, 1],
            num_inference_steps=STEPS,
            generator=torch.Generator().manual_seed(0),
            output_type="pt",
            callback_on_step_end=lambda pipe, step, timestep, tensors: seen.append(step),
        ).frames
        for pipe in pipes
    ]
    assert torch.equal(*frames) and seen == 2 * list(range(2 * STEPS))
    assert not pipes[1].frame_graphs._graphs


def test_they_need_cuda(tiny_pipeline):
    with pytest.raises(ValueError, match=r"CUDA graphs need all weights on one CUDA device; they are on cpu\."):
        copy.deepcopy(tiny_pipeline).enable_cuda_graphs()
    pipe = copy.deepcopy(tiny_pipeline)
    cpu_offload(pipe.dynamics, "cpu", offload_buffers=True)
    with pytest.raises(ValueError, match="they are on cpu, meta"):
        pipe.enable_cuda_graphs()
