"""The texts that wait for one model: every client has its turn, and of a client every request.

Whoever sends much is answered in slices, so nobody waits for the end of another's request.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from volant.kinds.record import Annotation

CHARACTERS = 4  # of ASCII in a token, roughly; of other scripts each one counts, as in Chinese and Japanese it is one
CLEANING = 64  # characters whose cleaning takes about as long as a token in a model
TURNS = 8  # of a batch: more clients than that are answered in the next one


def cost(text: str, longest: int) -> int:
    r"""Return what a text costs, in tokens: those that the model sees, and the cleaning of all of it.

    Text that is not ASCII is cleaned line by line, each of which takes about as long as a token.

    Example:
        >>> cost("a fine film", 512), cost("a" * 6400, 512), cost("é\n" * 1000, 512)
        (4, 612, 1543)
    """
    plain = text.isascii()
    ascii_characters = len(text) if plain else len(text.encode("ascii", "ignore"))
    tokens = min(ascii_characters // CHARACTERS + len(text) - ascii_characters + 2, longest)
    return tokens + len(text) // CLEANING + (0 if plain else text.count("\n"))


@dataclass(slots=True, eq=False)
class Asked:
    """A request: its texts, what each costs, who waits for it, and how far it is."""

    texts: Sequence[str]
    costs: Sequence[int]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[Annotation]]
    answers: list[Annotation] = field(default_factory=list)
    taken: int = 0


@dataclass(slots=True)
class Piece:
    """Some texts of a request, which are answered together with others."""

    asked: Asked
    start: int
    stop: int

    @property
    def texts(self) -> Sequence[str]:
        """Its texts."""
        return self.asked.texts[self.start : self.stop]

    @property
    def cost(self) -> int:
        """What they cost."""
        return sum(self.asked.costs[self.start : self.stop])


@dataclass(slots=True)
class _Lane:
    """What waits of one client."""

    requests: deque[Asked] = field(default_factory=deque)
    texts: int = 0
    cost: int = 0

    def in_turns(self, turns: int, turn: int) -> int:
        """Return what is worked on of it in so many turns; each takes a text at least."""
        return min(self.cost, turns * max(turn, self.cost // max(1, self.texts)))


class Queue:
    """Requests by client.

    Attributes:
        texts: That wait.
        requests: That wait, or of which a part does.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self.texts = self.requests = 0

    def add(self, client: str, asked: Asked) -> None:
        """Let a request wait."""
        lane = self._lanes.setdefault(client, _Lane())
        lane.requests.append(asked)
        lane.cost += sum(asked.costs)
        lane.texts += len(asked.texts)
        self.texts += len(asked.texts)
        self.requests += 1

    def share(self, client: str, most: int) -> int:
        """Return how many more texts a client may let wait: what all others don't need is one client's."""
        lane = self._lanes.get(client)
        clients = len(self._lanes) + (lane is None)
        return max(1, most // clients) - (lane.texts if lane else 0)

    def ahead(self, client: str, costs: int, budget: int) -> int:
        """Return what will be worked on until a request that comes now is answered, itself included.

        Args:
            client: Whose it is.
            costs: What its texts cost.
            budget: Of a batch.
        """
        turn = max(1, budget // TURNS)
        rounds = math.ceil(costs / turn)
        lane = self._lanes.get(client, _Lane())
        turns = rounds * (len(lane.requests) + 1)  # of this client, until the request is answered
        before = lane.in_turns(turns - rounds, turn)
        others = (other.in_turns(turns, turn) for name, other in self._lanes.items() if name != client)
        return costs + before + sum(others)

    def take(self, budget: int) -> list[Piece]:
        """Take the next texts, in turns, that cost no more than the budget; at least one if any waits."""
        pieces: dict[int, Piece] = {}
        turn, left = max(1, budget // TURNS), budget
        while self._lanes:
            client, lane = next(iter(self._lanes.items()))
            asked = lane.requests[0]
            start = asked.taken
            stop = start if asked.future.done() else _stop(asked, min(turn, left), left, first=not pieces)
            if stop == start and not asked.future.done():
                break
            if stop > start:
                piece = pieces.setdefault(id(asked), Piece(asked, start, stop))
                piece.stop = stop
                left -= sum(asked.costs[start:stop])
            self._advance(client, lane, asked, len(asked.texts) if asked.future.done() else stop)
        return list(pieces.values())

    def drop(self, asked: Asked) -> None:
        """Forget what still waits of a request."""
        for client, lane in list(self._lanes.items()):
            if asked in lane.requests:
                lane.requests.remove(asked)
                lane.requests.appendleft(asked)
                self._advance(client, lane, asked, len(asked.texts))

    def _advance(self, client: str, lane: _Lane, asked: Asked, stop: int) -> None:
        """Note that the first request of a lane was taken so far; then it is another one's turn."""
        taken = stop - asked.taken
        lane.cost -= sum(asked.costs[asked.taken : stop])
        lane.texts -= taken
        self.texts -= taken
        asked.taken = stop
        lane.requests.rotate(-1)
        if stop == len(asked.texts):
            lane.requests.pop()
            self.requests -= 1
        self._lanes.move_to_end(client)
        if not lane.requests:
            del self._lanes[client]


def _stop(asked: Asked, turn: int, left: int, first: bool) -> int:
    """Where a slice of a request ends: after its turn, and within what is left of the batch."""
    stop, spent = asked.taken, 0
    while stop < len(asked.texts) and spent < turn:
        spent += asked.costs[stop]
        if spent > left and not (first and stop == asked.taken):
            break
        stop += 1
    return stop
