"""Layers above a recurrent network: what the rest of the text says about each token. Importing this imports torch."""

import torch
from torch import Tensor, nn

LEAST = -1e4  # value of padding before a maximum or a softmax


class Context(nn.Module):
    """Self-attention, then the strongest signal of the text and a convolution over neighbours; each is optional.

    The strongest signal is the largest value of each state in the text, which every token gets beside its own state.

    Args:
        width: Size D of the states, before and after.
        attention: Number of heads of the self-attention; 0 for none.
        strongest: Add the strongest signal.
        convolution: Number of neighbouring tokens that a convolution reads, an odd number; 0 for none.

    Source: Su 2019, https://kexue.fm/archives/6671; attention, Vaswani et al. 2017, https://arxiv.org/abs/1706.03762
    """

    def __init__(self, width: int, attention: int, strongest: bool, convolution: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, attention) if attention else None
        self.strongest = strongest
        inputs = 2 * width if strongest else width
        size = convolution or 1
        mixed = strongest or convolution
        self.mixing = nn.Conv1d(inputs, width, size, padding=size // 2) if mixed else None

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return states (B, T, D) of states (B, T, D) with their mask (B, T)."""
        real = mask[..., None].to(states.dtype)
        if self.attention is not None:
            states = self.attention(states, mask)
        if self.mixing is None:
            return states
        joined = states
        if self.strongest:
            top = states.masked_fill(real == 0, LEAST).amax(dim=1, keepdim=True)
            joined = torch.cat([states, top.expand_as(states)], dim=2)
        return self.mixing((joined * real).transpose(1, 2)).relu().transpose(1, 2)


class SelfAttention(nn.Module):
    """One layer of attention over a text, added to the states and normalised."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return states (B, T, D) of states (B, T, D) with their mask (B, T)."""
        batch, length, width = states.shape
        size = width // self.heads
        split = self.inputs(states).view(batch, length, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        scores = split[0] @ split[1].transpose(2, 3) / size**0.5
        shares = scores.masked_fill(mask[:, None, None] == 0, LEAST).softmax(dim=3)
        read = (shares @ split[2]).transpose(1, 2).reshape(batch, length, width)
        return self.norm(states + self.output(read))
