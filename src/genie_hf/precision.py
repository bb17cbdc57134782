"""Which floating-point type is fast on a device; the code lives beside the models, whose loading needs it."""

from .models.precision import preferred_dtype

__all__ = ["preferred_dtype"]
