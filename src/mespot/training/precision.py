"""Whether half precision is any faster on a device."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 numbers itself.

    Notes
    -----
    A CPU without such instructions emulates them: training was 40 times slower there than in float32. PyTorch names
    the instruction sets of a CPU ``avx512_bf16``, ``amx_bf16``, ``bf16`` or ``sve_bf16``. NVIDIA cards compute it from
    compute capability 8.0 (Ampere) on, and emulate it before.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return True
    capabilities: Mapping[str, object] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # newer than the oldest PyTorch that is supported
    return any(name.endswith("bf16") and bool(there) for name, there in capabilities.items())
