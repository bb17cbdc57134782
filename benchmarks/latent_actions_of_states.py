"""How far can latent actions get with perfect sight? Latent action models of CoinRun's states, without pictures.

    python benchmarks/latent_actions_of_states.py --levels 600

A transition is the player's displacement in tiles. What comes before it is known: the three displacements before, the
place within the tile and the 9x9 tiles around the player. The encoder sees both and names one of a few codes; the
decoder sees what came before and the code. Each line: accuracy of the best mapping from codes to the six buttons, its
share of the way from the majority class to a supervised classifier on the same data, normalised mutual information,
how often the code changes from one decision to the next, and the squared error in tiles. Some 20 minutes on one core.
"""

import argparse
import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from genie_hf.data.coinrun.buttons import ACTION_GROUP_NAMES, ACTION_GROUPS
from genie_hf.data.coinrun.game import Level
from genie_hf.data.coinrun.policies import POLICIES
from genie_hf.evaluation.latent_actions import action_agreement
from genie_hf.models.quantizers.vector_quantizer import VectorQuantizer, VectorQuantizerConfig

BEFORE = 3  # displacements that are known
AROUND = 4  # tiles in each direction
SIDE = 64  # of CoinRun's grid of tiles
EMPTY, SOLID, CRATE = (100,), (-1, 15, 16), (19,)  # -1: outside; whatever else there is kills or is the coin
LATENT = 16
BATCH = 512
HELD_OUT = 0.15  # of the levels

VARIANTS = {
    "8 codes": {},
    "12 codes": {"codes": 12},
    "6 codes": {"codes": 6},
    "slow codes 0.01": {"slowness": 0.01},
    "slow codes 0.1": {"slowness": 0.1},
    "added effect": {"added": True},
    "decoder sees the code alone": {"blind": True},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", choices=POLICIES, default="balanced")
    parser.add_argument("--levels", type=int, default=600)
    parser.add_argument("--decisions", type=int, default=100, help="in each level")
    parser.add_argument("--frame-skip", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000, help="of training for each variant")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    learnt, held_out = transitions(arguments)
    ceiling = supervised(learnt, held_out, arguments)
    for name in arguments.variants:
        figures = latent(learnt, held_out, arguments, **VARIANTS[name])
        majority = figures["majority_accuracy"]
        print(
            f"{name:<28} accuracy {figures['mapping_accuracy']:.3f}, "
            f"share {(figures['mapping_accuracy'] - majority) / (ceiling - majority):.0%}, nmi {figures['nmi']:.3f}, "
            f"switches {figures['switches']:.0%}, error {figures['error']:.4f}",
            flush=True,
        )
    print(f"majority {majority:.3f}, supervised {ceiling:.3f}")


def transitions(arguments) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Pairs of transitions that follow one another, to learn from and held out: what was `before`, of shape
    `(N, 2, D)`, the displacement `moved`, of shape `(N, 2, 2)`, and the `button`, of shape `(N, 2)`."""
    parts = {"before": [], "moved": [], "button": [], "level": []}
    for number in tqdm(range(arguments.levels), desc="playing"):
        moved, place, button = play(number, arguments)
        known = [np.concatenate([moved[t - BEFORE : t].flatten(), place[t]]) for t in range(BEFORE, len(moved))]
        known, moved, button = np.stack(known), moved[BEFORE:], button[BEFORE:]
        whole = ~(np.isnan(known).any(1) | np.isnan(moved).any(1))  # nothing ended in between
        for name, values in (("before", known), ("moved", moved), ("button", button)):
            parts[name].append(np.stack([values[:-1], values[1:]], 1)[whole[:-1] & whole[1:]])
        parts["level"].append(np.full(len(parts["button"][-1]), number))
    tensors = {name: torch.from_numpy(np.concatenate(values)) for name, values in parts.items()}
    held_out = tensors.pop("level") >= arguments.levels * (1 - HELD_OUT)
    tensors |= {name: tensors[name].float() for name in ("before", "moved")}
    return tuple({name: values[rows] for name, values in tensors.items()} for rows in (~held_out, held_out))


def play(number: int, arguments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each decision in a level the displacement, NaN where an episode ended, the surroundings and the button."""
    level = Level(number, "hard", arguments.frame_skip)
    player = iter(POLICIES[arguments.policy](np.random.default_rng([0, number]), arguments.decisions, level))
    moved, place, buttons = [], [], []
    for _ in range(arguments.decisions):
        button = next(player)
        before, surroundings = look(level)
        level.hold(button)
        after, _ = look(level)
        ended = level.is_first or np.abs(after - before).max() > 10
        moved.append(np.full(2, np.nan) if ended else after - before)
        place.append(surroundings)
        buttons.append(ACTION_GROUPS[int(button)])
    level.close()
    return np.array(moved), np.array(place), np.array(buttons)


def look(level) -> tuple[np.ndarray, np.ndarray]:
    """Where the player is, in tiles, and its place in its tile with the tiles around it. Read from Procgen's
    serialised game, as `genie_hf.data.coinrun.search` does."""
    state = level.env.get_state()[0]
    offset = 4 + 4 + len("coinrun") + 17 * 4
    for _ in range(2):
        offset += 8 + struct.unpack_from("i", state, offset + 4)[0]
    position = np.array(struct.unpack_from("2f", state, offset + 17 * 4))
    begin = state.index(struct.pack("3i", SIDE, SIDE, SIDE**2)) + 12
    grid = np.pad(np.frombuffer(state, np.int32, SIDE**2, begin).reshape(SIDE, SIDE), AROUND, constant_values=-1)
    x, y = position.astype(int)
    tiles = grid[y : y + 2 * AROUND + 1, x : x + 2 * AROUND + 1].flatten()
    kinds = [np.isin(tiles, kind) for kind in (EMPTY, SOLID, CRATE)]
    return position, np.concatenate([position % 1, *kinds, ~np.logical_or.reduce(kinds)]).astype(np.float32)


def network(inputs: int, outputs: int, width: int = 256) -> nn.Sequential:
    layers = [nn.Linear(inputs, width), nn.LayerNorm(width), nn.GELU(), nn.Linear(width, width), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def train(modules: list[nn.Module], loss, count: int, steps: int) -> None:
    """Minimises `loss(rows)` with a learning rate that falls to zero."""
    parameters = [parameter for module in modules for parameter in module.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 - step / steps)
        value = loss(torch.randint(count, (BATCH // 2,)))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()


def supervised(learnt: dict, held_out: dict, arguments) -> float:
    """Accuracy of a classifier that is trained with the buttons."""
    torch.manual_seed(arguments.seed)
    classifier = network(learnt["before"].shape[-1] + 2, len(ACTION_GROUP_NAMES))

    def read(part, rows=slice(None)):
        return classifier(torch.cat([part["before"][rows], part["moved"][rows]], -1))

    def loss(rows):
        return F.cross_entropy(read(learnt, rows).flatten(0, 1), learnt["button"][rows].flatten())

    train([classifier], loss, len(learnt["button"]), arguments.steps)
    return (read(held_out).argmax(-1) == held_out["button"]).float().mean().item()


def latent(learnt, held_out, arguments, codes=8, slowness=0.0, added=False, blind=False) -> dict:
    """Trains a latent action model of states and measures it on the second transitions of the held-out pairs."""
    torch.manual_seed(arguments.seed)
    known = learnt["before"].shape[-1]
    quantizer = VectorQuantizer(
        VectorQuantizerConfig(
            codebook_size=codes, codebook_dim=LATENT, continuous_steps=arguments.steps // 4, batch_norm=True
        )
    )
    encoder, effect = network(known + 2, LATENT), nn.Linear(LATENT, 2, bias=False)
    decoder = network((not blind) * known + (not added) * LATENT, 2)

    def encode(part, rows=slice(None)):
        return quantizer(encoder(torch.cat([part["before"][rows], part["moved"][rows]], -1)))

    def error(part, vectors, rows=slice(None)):
        seen = part["before"][rows][..., : 0 if blind else known]
        if added:
            predicted = decoder(seen) + effect(vectors)
        else:
            predicted = decoder(torch.cat([seen, vectors], -1))
        return F.mse_loss(predicted, part["moved"][rows])

    def loss(rows):
        output = encode(learnt, rows)
        first, second = output.quantized.unbind(1)
        changing = (1 - (first * second).sum(-1)).mean()
        return (
            error(learnt, output.quantized, rows) + output.codebook_loss + output.commitment_loss + slowness * changing
        )

    train([encoder, decoder, effect, quantizer], loss, len(learnt["button"]), arguments.steps)
    quantizer.eval()
    with torch.inference_mode():
        found = encode(held_out).codes
        wrong = error(held_out, quantizer.lookup(found)).item()
    agreement = action_agreement(found[:, 1], held_out["button"][:, 1], codes, len(ACTION_GROUP_NAMES))
    return agreement | {"switches": (found[:, 0] != found[:, 1]).float().mean().item(), "error": wrong}


if __name__ == "__main__":
    main()
