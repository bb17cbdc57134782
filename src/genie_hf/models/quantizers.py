"""The registry of quantisers: a new one is its own file and a line here."""

from torch import nn

from .configuration_quantizer import FiniteScalarQuantizerConfig, QuantizerConfig, VectorQuantizerConfig
from .finite_scalar_quantizer import FiniteScalarQuantizer
from .vector_quantizer import VectorQuantizer

QUANTIZERS: dict[type, type[nn.Module]] = {
    VectorQuantizerConfig: VectorQuantizer,
    FiniteScalarQuantizerConfig: FiniteScalarQuantizer,
}


def make_quantizer(config: QuantizerConfig) -> nn.Module:
    """The quantiser that the configuration describes."""
    return QUANTIZERS[type(config)](config)
