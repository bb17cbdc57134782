"""Which floating-point type is fast on a device. It lives beside the models, which are loaded in it."""

from .models.precision import preferred_dtype

__all__ = ["preferred_dtype"]
