"""Capabilities of the processor that trains."""

import torch


def multiplies_bf16(option: bool | None) -> bool:
    """Return a config's `bf16`; if it is null, True if the hardware multiplies bf16."""
    return has_bf16() if option is None else option


def has_bf16() -> bool:
    """Return True if the hardware multiplies bf16; emulation is many times slower than fp32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
