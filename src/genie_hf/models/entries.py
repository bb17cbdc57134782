"""A model's entry points besides `forward`, for weights that are brought to the device only when needed.

Accelerate (offloading to the CPU or to a disk) and diffusers (group offloading) attach the code that brings the
weights to a module's `forward`. A method that bypasses it would not find them.
"""

import functools
from collections.abc import Callable


def entry(method: Callable) -> Callable:
    """Runs a method of a module inside the hooks of the module's `forward`.

    Entries must not call each other: the inner one would take away the weights that the outer one still needs.
    """

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        registry = getattr(self, "_diffusers_hook", None)
        hooks = [] if registry is None else list(registry.hooks.values())
        if hasattr(self, "_hf_hook"):
            hooks.append(self._hf_hook)
        for hook in hooks:
            args, kwargs = hook.pre_forward(self, *args, **kwargs)
        output = method(self, *args, **kwargs)
        for hook in reversed(hooks):
            output = hook.post_forward(self, output)
        return output

    return call
