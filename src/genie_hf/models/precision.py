"""Which floating-point type is fast on a device."""

import torch


def preferred_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """The fastest dtype that the device multiplies matrices in natively.

    bfloat16 on GPUs from NVIDIA's Ampere on and on CPUs with AMX or AVX512-BF16 instructions; float32 elsewhere.
    (Others emulate it. A CPU's emulated products were measured to be over 100 times slower than float32.)

    Args:
        device: where the models will run.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()):
        return torch.bfloat16
    return torch.float32
