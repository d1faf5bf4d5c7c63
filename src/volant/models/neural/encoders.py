"""Encoders: token ids and mask (B, T) in, hidden states (B, T, D) out. Importing this imports torch."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from volant.errors import VolantError
from volant.models.neural.context import Context
from volant.models.neural.hardware import has_bf16
from volant.models.neural.speed import fast_dropout

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
BERTS = ("bert", "camembert", "electra", "roberta", "xlm-roberta")  # with layers built and named as BERT's


class RecurrentEncoder(nn.Module):
    """Embedding, stacked RNN, GRU or LSTM layers, and the layers of `Context` above them.

    Both directions are separate one-way layers: the backward one reads each row reversed within its own length, so
    padding never enters it, and the graph exports without packed sequences.
    """

    def __init__(  # noqa: PLR0913  (what a recurrent network is made of)
        self,
        vocabulary: int,
        embedding: int,
        hidden: int,
        *,
        layers: int,
        cell: str,
        bidirectional: bool,
        dropout: float,
        attention: int = 0,
        strongest: bool = False,
        convolution: int = 0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=0)
        ways = 2 if bidirectional else 1
        widths = [embedding] + [hidden * ways] * (layers - 1)
        self.forwards = nn.ModuleList(CELLS[cell](width, hidden, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(
            CELLS[cell](width, hidden, batch_first=True) for width in widths[: layers * (ways - 1)]
        )
        self.dropout = nn.Dropout(dropout)
        self.width = hidden * ways
        self.context = Context(self.width, attention, strongest, convolution)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the hidden states (B, T, D)."""
        states = self.dropout(self.embedding(input_ids))
        flip = flip_within_length(attention_mask)
        for index, forwards in enumerate(self.forwards):
            outputs = run(forwards, states)
            if self.backwards:
                order = flip.unsqueeze(-1)
                reverse = run(self.backwards[index], states.gather(1, order.expand_as(states)))
                outputs = torch.cat([outputs, reverse.gather(1, order.expand_as(reverse))], dim=-1)
            states = self.dropout(outputs)
        return self.context(states, attention_mask)


def run(layer: nn.Module, states: Tensor) -> Tensor:
    """Return the outputs (B, T, D) of a recurrent layer; in fp32 on a CPU without bf16, where torch refuses bf16."""
    kind = states.device.type
    if torch.is_autocast_enabled(kind) and not has_bf16():
        with torch.autocast(kind, enabled=False):
            return layer(states.float())[0]
    return layer(states)[0]


def flip_within_length(mask: Tensor) -> Tensor:
    """Return positions (B, T) that reverse the real tokens of each row and leave the padding in place.

    Example:
        >>> flip_within_length(torch.tensor([[1, 1, 1, 0]])).tolist()
        [[2, 1, 0, 3]]
    """
    positions = torch.arange(mask.shape[1], device=mask.device).unsqueeze(0).expand_as(mask)
    lengths = mask.sum(dim=1, keepdim=True)
    return torch.where(positions < lengths, lengths - 1 - positions, positions)


class TransformerEncoder(nn.Module):
    """Any BERT-like encoder of `transformers`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        fast_dropout(model)
        self.model = model
        self.width = int(model.config.hidden_size)
        self.typed = model.config.model_type in BERTS
        self.stored: Any = None  # the layer that returns the outputs of frozen layers, if they are stored

    def forward(self, input_ids: Tensor, attention_mask: Tensor, states: Tensor | None = None) -> Tensor:
        """Return the hidden states (B, T, D).

        Args:
            input_ids: Token ids, (B, T).
            attention_mask: 1 for tokens, 0 for padding, (B, T).
            states: Stored outputs of the frozen layers, (B, T, D), within `frozen.from_stored`; else None.
        """
        if self.stored is not None:
            self.stored.states = states
        # passed explicitly: the model would compute them with about ten small operators of the graph
        types = {"token_type_ids": torch.zeros_like(input_ids)} if self.typed else {}
        return self.model(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state


def freeze(encoder: TransformerEncoder, trainable: Literal["all", "head"] | int) -> None:
    """Freeze the layers below the trainable part: all layers, none, or all but the last N.

    Embeddings are frozen with the layers above them, since a token that is rare in train would move away from its
    untrained neighbours.

    Raises:
        VolantError: If the encoder has fewer layers than are to be trained.
    """
    if trainable == "all":
        return
    encoder.requires_grad_(False)
    if isinstance(trainable, int):
        layers = layers_of(encoder.model, "model.trainable to 'all' or 'head'")
        refuse_more(trainable, len(layers), "trainable")
        for layer in layers[-trainable:]:
            layer.requires_grad_(True)


def first_token_only(encoder: TransformerEncoder) -> None:
    """Make the last layer compute the first token only: states (B, 1, D), the same as before.

    For pooling `cls`, which reads nothing else. It saves two thirds of a layer, in training and in prediction.
    Architectures other than BERT's stay unchanged.
    """
    if encoder.model.config.model_type in BERTS:
        attention = encoder.model.encoder.layer[-1].attention
        attention.output.register_forward_hook(lambda _module, _inputs, states: states[:, :1])


def layer_rates(encoder: TransformerEncoder, decay: float) -> None:
    """Set each layer's learning rate to `decay` times that of the layer above it, down to the embeddings.

    Lower layers hold more general knowledge, so they are changed less: Howard and Ruder 2018,
    https://arxiv.org/abs/1801.06146; Clark et al. 2020, https://arxiv.org/abs/2003.10555.
    """
    if decay == 1 or not any(parameter.requires_grad for parameter in encoder.parameters()):
        return
    stack = layers_of(encoder.model, "model.layer_decay to 1")
    for parameter in encoder.parameters():
        vars(parameter)["rate"] = decay ** (len(stack) + 1)
    for below, layer in enumerate(reversed(stack), 1):
        for parameter in layer.parameters():
            vars(parameter)["rate"] = decay**below


def layers_of(model: Any, otherwise: str) -> nn.ModuleList:
    """Return the stack of layers of an encoder, under whatever name its architecture has for it.

    Args:
        model: Model of `transformers`.
        otherwise: Advice for the error message.

    Raises:
        VolantError: If it has no such stack, as ALBERT, whose layers share their weights.
    """
    count = model.config.num_hidden_layers
    stack = next((m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == count), None)
    if stack is None:
        raise VolantError(
            f"The encoder ({model.config.model_type}) has no stack of {count} layers to tell apart. Set {otherwise}."
        )
    return stack


def refuse_more(number: int, available: int, key: str) -> None:
    """Refuse more layers than an encoder has: those beyond would be random.

    Args:
        number: Number of layers in the config.
        available: Number of layers of the encoder.
        key: Name of the config key, for the message.

    Raises:
        VolantError: If the config has more.
    """
    if number > available:
        allowed = "null" if key == "layers" else "'all', 'head'"
        raise VolantError(
            f"model.{key} is {number}, but the encoder has {available} layers. Allowed: 1 to {available}, or {allowed}."
        )
