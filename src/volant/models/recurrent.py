"""The recurrent family: own vocabulary, embedding, RNN, GRU or LSTM, trained from scratch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.models import Examples, Fitted, Task
from volant.models.neural.options import Training

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, config=STRICT)
class Recurrent:
    """A recurrent network over words or subwords that are learned from the train rows.

    Attributes:
        tokenizer: `word` (most frequent words and marks) or `bpe` (byte-pair subwords).
        vocabulary_size: Maximum number of tokens.
        embedding_size: Width of a token embedding.
        hidden_size: Width of a layer per direction.
        num_layers: Number of layers.
        cell: `rnn`, `gru` or `lstm`.
        bidirectional: Read in both directions.
        pooling: `mean`, `max`, `last` or `cls` (first token).
        dropout: Share of states dropped in training.
        max_length: Maximum number of tokens read of a text.
        truncation: Tokens read of a longer text: `head` reads the first, `head_tail` the first and the last half;
            kinds that predict parts of a text read all of it, in windows.
        crf: Learn the transitions between the classes of tokens, for kinds that predict parts of a text.
        start: Folder of an earlier version's weights and vocabulary to start from; `volant iterate --from-version N`
            sets it.
        training: Hyper-parameters of the training loop.
    """

    family: Literal["recurrent"] = "recurrent"
    tokenizer: Literal["word", "bpe"] = "bpe"
    vocabulary_size: int = Field(default=20000, ge=8)
    embedding_size: int = Field(default=128, ge=1)
    hidden_size: int = Field(default=128, ge=1)
    num_layers: int = Field(default=1, ge=1)
    cell: Literal["rnn", "gru", "lstm"] = "lstm"
    bidirectional: bool = True
    pooling: Literal["mean", "max", "last", "cls"] = "max"
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_length: int = Field(default=128, ge=4)
    truncation: Literal["head", "head_tail"] = "head"
    crf: bool = False
    start: str | None = None
    training: Training = Field(default_factory=Training)

    def __post_init__(self) -> None:
        """Refuse a network whose predictions can't depend on the text.

        Raises:
            ValueError: If it pools the first token and reads forwards only; pydantic reports it.
        """
        if self.pooling == "cls" and not self.bidirectional:
            raise ValueError(
                "the state of the first token does not depend on the text without `bidirectional`: pool by mean, max "
                "or last"
            )

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Learn the vocabulary, then train.

        Args:
            train: Rows to learn from.
            validation: Rows that select the epoch.
            task: Kind, labels, metric, seed.
            folder: Folder of the files that the bundle will contain.
            work: Folder of checkpoints.
        """
        import torch

        from volant.models.neural import fitting
        from volant.models.neural.encoders import RecurrentEncoder
        from volant.models.neural.weights import start_tokenizer

        tokenizer = (
            learn_tokenizer(train.texts, self.tokenizer, self.vocabulary_size)
            if self.start is None
            else start_tokenizer(self.start)
        )
        torch.manual_seed(task.seed)  # of the initial weights
        encoder = RecurrentEncoder(
            vocabulary=tokenizer.get_vocab_size(),
            embedding=self.embedding_size,
            hidden=self.hidden_size,
            layers=self.num_layers,
            cell=self.cell,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
        )
        parts = fitting.Composition(
            encoder,
            encoder.width,
            tokenizer,
            self.max_length,
            self.pooling,
            self.dropout,
            start=self.start,
            truncation=self.truncation,
            crf=self.crf,
        )
        return fitting.fit(parts, train, validation, task, self.training, (folder, work))


def learn_tokenizer(texts: Sequence[str], model: str, size: int) -> "Tokenizer":
    """Learn a tokenizer with a vocabulary of at most `size` tokens.

    Every text starts with a [CLS] token, so that an empty one has a token too.

    Args:
        texts: Train texts.
        model: `word` or `bpe`.
        size: Maximum number of tokens.

    Example:
        >>> learn_tokenizer(["good film", "bad film"], "word", 10).encode("good cat").tokens
        ['[CLS]', 'good', '[UNK]']
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]"]
    if model == "word":
        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, min_frequency=1)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, min_frequency=2)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    return tokenizer
