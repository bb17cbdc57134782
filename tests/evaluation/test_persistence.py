import pytest
import torch

from genie_hf.evaluation.persistence import describe_frames, horizons_to


def test_a_world_that_dissolves_shows_in_figures():
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(4, 1, 3, 16, 16, generator=generator)
    flat = first.mean(dim=(-2, -1), keepdim=True).expand_as(first)
    seen = describe_frames(torch.cat([first, (first + flat) / 2, flat], dim=1))
    assert seen["colours"][0] > seen["colours"][1] > seen["colours"][2] == 1
    assert seen["edge_energy"][1] == pytest.approx(seen["edge_energy"][0] / 2, rel=1e-4)
    assert seen["colour_spread"] == pytest.approx([seen["colour_spread"][0] / n for n in (1, 2)] + [0], abs=1e-4)
    assert seen["kept"]["edge_energy"] == pytest.approx(0, abs=1e-4)
    for colour in seen["mean_colour"]:
        assert colour == pytest.approx(seen["mean_colour"][0], abs=1e-4)


def test_edges_and_colours_of_a_known_picture():
    stripes = torch.zeros(1, 1, 3, 4, 4)
    stripes[..., 0, :, 2:] = 1  # the right half is red
    seen = describe_frames(stripes)
    assert seen["colours"] == [2]
    assert seen["mean_colour"] == [[0.5, 0, 0]]
    assert seen["edge_energy"] == pytest.approx([(1 / 9 + 0) / 2])


def test_the_last_horizon_is_always_looked_at():
    assert horizons_to(50) == [1, 2, 5, 10, 20, 25, 30, 40, 50]
    assert horizons_to(12) == [1, 2, 5, 10, 12]
