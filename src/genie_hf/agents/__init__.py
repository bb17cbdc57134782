"""Agents in learnt worlds, and agents that learn from latent actions (paper §3.3)."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .env import GenieEnv as GenieEnv
    from .vector_env import GenieVectorEnv as GenieVectorEnv

_MODULES = {"GenieEnv": "env", "GenieVectorEnv": "vector_env"}

__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
