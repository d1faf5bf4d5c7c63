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
        tokenizer: `word` (most frequent words and marks), `bpe` (byte-pair subwords) or, for languages without spaces,
            `char` (characters).
        vocabulary_size: Maximum number of tokens.
        embedding_size: Width of a token embedding.
        hidden_size: Width of a layer per direction.
        num_layers: Number of layers.
        cell: `rnn`, `gru` or `lstm`.
        bidirectional: Read in both directions.
        attention: Number of heads of a self-attention above the layers; 0 for none.
        strongest: Add the largest value of each state in the text to the states of each token.
        convolution: Number of neighbouring tokens that a convolution above them reads, an odd number; 0 for none.
        pooling: `mean`, `max`, `last` or `cls` (first token).
        dropout: Share of states dropped in training.
        max_length: Maximum number of tokens read of a text.
        truncation: Tokens read of a longer text: `head` reads the first, `head_tail` the first and the last half;
            kinds that predict parts of a text read all of it, in windows.
        crf: Learn the transitions between the classes of tokens, for kinds that predict parts of a text.
        cascade: Find the first part of a pair, then the second ones of each, for kinds that predict pairs of parts;
            else all pairs are found at once.
        start: Folder of an earlier version's weights and vocabulary to start from; `volant iterate --from-version N`
            sets it.
        training: Hyper-parameters of the training loop.
    """

    family: Literal["recurrent"] = "recurrent"
    tokenizer: Literal["word", "bpe", "char"] = "bpe"
    vocabulary_size: int = Field(default=20000, ge=8)
    embedding_size: int = Field(default=128, ge=1)
    hidden_size: int = Field(default=128, ge=1)
    num_layers: int = Field(default=1, ge=1)
    cell: Literal["rnn", "gru", "lstm"] = "lstm"
    bidirectional: bool = True
    attention: int = Field(default=0, ge=0)
    strongest: bool = False
    convolution: int = Field(default=0, ge=0)
    pooling: Literal["mean", "max", "last", "cls"] = "max"
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_length: int = Field(default=128, ge=4)
    truncation: Literal["head", "head_tail"] = "head"
    crf: bool = False
    cascade: bool = False
    start: str | None = None
    training: Training = Field(default_factory=Training)

    def __post_init__(self) -> None:
        """Refuse a network whose predictions can't depend on the text, or whose layers don't fit each other.

        Raises:
            ValueError: If it pools the first token and reads forwards only, if the heads of the attention don't divide
                the states, or if the convolution has no token in its middle; pydantic reports it.
        """
        width = self.hidden_size * (2 if self.bidirectional else 1)
        if self.attention and width % self.attention:
            raise ValueError(f"attention is {self.attention}, which doesn't divide the {width} values of a state")
        if self.convolution and self.convolution % 2 == 0:
            raise ValueError(f"convolution is {self.convolution}: give an odd number, so that a token is in its middle")
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
            attention=self.attention,
            strongest=self.strongest,
            convolution=self.convolution,
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
            cascade=self.cascade,
        )
        return fitting.fit(parts, train, validation, task, self.training, (folder, work))


def learn_tokenizer(texts: Sequence[str], model: str, size: int) -> "Tokenizer":
    """Learn a tokenizer with a vocabulary of at most `size` tokens.

    Every text starts with a [CLS] token, so that an empty one has a token too.

    Args:
        texts: Train texts.
        model: `word`, `bpe` or `char`; of these, only the last has tokens for white space.
        size: Maximum number of tokens.

    Example:
        >>> learn_tokenizer(["good film", "bad film"], "word", 10).encode("good cat").tokens
        ['[CLS]', 'good', '[UNK]']
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]"]
    if model != "bpe":
        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, min_frequency=1)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, min_frequency=2)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if model == "char":
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    return tokenizer
