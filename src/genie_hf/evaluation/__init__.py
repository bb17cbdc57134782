"""How good is a world? Fidelity, controllability, the meaning of its latent actions, and speed."""

from .action_legend import measure_action_legend
from .calibration import calibrate
from .reference_classifier import ReferenceClassifier, train_reference
from .report import evaluate

__all__ = ["ReferenceClassifier", "calibrate", "evaluate", "measure_action_legend", "train_reference"]
