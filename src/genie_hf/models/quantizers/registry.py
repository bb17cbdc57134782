"""The registry of quantisers: a new one is its own file and a line here.

Another model's configuration stores a quantiser as `{"type": "fsq", "levels": [8, 5, 5, 5]}`.
"""

from transformers import PreTrainedConfig

from .finite_scalar_quantizer import FiniteScalarQuantizer
from .quantizer import Quantizer
from .vector_quantizer import VectorQuantizer

QUANTIZERS: dict[str, type[Quantizer]] = {
    quantizer.config_class.model_type: quantizer for quantizer in (VectorQuantizer, FiniteScalarQuantizer)
}


def make_quantizer(config: PreTrainedConfig) -> Quantizer:
    """The quantiser that the configuration describes."""
    return QUANTIZERS[config.model_type](config)


def quantizer_config(values: dict | PreTrainedConfig | None) -> PreTrainedConfig:
    """The configuration that `{"type": ..., **fields}` describes; the type is `"vq"` where none is given.

    Raises:
        ValueError: for an unknown type or field.
    """
    if isinstance(values, PreTrainedConfig):
        return values
    values = dict(values or {})
    kind = values.pop("type", "vq")
    if kind not in list(QUANTIZERS):  # a list, as what is asked for may have no hash
        raise ValueError(f"there is no quantizer type {kind!r}; choose one of {', '.join(QUANTIZERS)}.")
    config_class = QUANTIZERS[kind].config_class
    for name in values:
        if name not in config_class.__annotations__:
            known = ", ".join(config_class.__annotations__)
            raise ValueError(f"a quantizer of type {kind!r} has no field {name!r}; its fields are {known}.")
    return config_class(**values)


def quantizer_values(config: PreTrainedConfig) -> dict:
    """The inverse of `quantizer_config`: what another model's configuration stores."""
    return {"type": config.model_type} | {name: getattr(config, name) for name in type(config).__annotations__}
