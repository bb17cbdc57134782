"""A model's other ways in beside `forward`, for weights that are brought to the device only when they are needed.

Accelerate (offloading to the CPU or to a disk) and diffusers (group offloading) hang what brings the weights onto a
module's `forward`. A method that is called past it would find them gone.
"""

import functools
from collections.abc import Callable


def entry(method: Callable) -> Callable:
    """Runs a method of a module inside the hooks of the module's `forward`. Entries do not call each other: what the
    inner one brings it would take away from the outer one."""

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
