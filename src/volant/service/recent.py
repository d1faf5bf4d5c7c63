"""The last answers that were given, so that feedback which names one finds its text."""

from collections import OrderedDict

from volant.service.answered import Answered

MOST = 20_000  # answers
CHARACTERS = 16_000_000  # of their texts together


class Recent:
    """Answers by their id, bounded by number and by size; the oldest leave first. Not for several threads at once."""

    def __init__(self, most: int = MOST, characters: int = CHARACTERS) -> None:
        self._most, self._characters, self._held = most, characters, 0
        self._answers: OrderedDict[str, Answered] = OrderedDict()

    def add(self, answered: Answered) -> None:
        """Remember one more."""
        self._answers[answered.event_id] = answered
        self._held += len(answered.text)
        while len(self._answers) > self._most or self._held > self._characters:
            _, oldest = self._answers.popitem(last=False)
            self._held -= len(oldest.text)

    def find(self, event_id: str) -> Answered | None:
        """The answer of that id, if it is still known."""
        return self._answers.get(event_id)
