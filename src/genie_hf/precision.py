"""Which floating-point type is fast on a device; the models, which load by it, have it beside them."""

from .models.precision import preferred_dtype

__all__ = ["preferred_dtype"]
