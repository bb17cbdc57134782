import torch
import torch.nn.functional as F

from genie_hf.models.quantizers.k_means import k_means, sample


def test_clusters_that_lie_apart_are_found():
    torch.manual_seed(0)
    centres = torch.eye(4, 16)
    points = F.normalize(centres.repeat(50, 1) + 0.02 * torch.randn(200, 16), dim=-1)
    found = k_means(points, 12)  # more than there are: those that lose all their points start again
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(12))
    assert (found @ centres.T).amax(dim=0).min() > 0.99


def test_what_is_drawn_are_points_of_unit_length_no_two_of_them_equal():
    torch.manual_seed(0)
    points = torch.eye(3, 8)
    drawn = sample(points, 50)
    torch.testing.assert_close(drawn.norm(dim=-1), torch.ones(50))
    assert (drawn @ points.T).amax(dim=-1).min() > 0.98 and len(drawn.unique(dim=0)) == 50
