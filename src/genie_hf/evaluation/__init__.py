"""How good is a world? Fidelity, controllability, the meaning of its latent actions, and speed."""

from .action_legend import measure_action_legend
from .evaluate import evaluate
from .latent_actions import COINRUN_ACTION_GROUPS, COINRUN_ACTIONS
from .reference_classifier import ReferenceClassifier, train_reference

__all__ = [
    "COINRUN_ACTIONS",
    "COINRUN_ACTION_GROUPS",
    "ReferenceClassifier",
    "evaluate",
    "measure_action_legend",
    "train_reference",
]
