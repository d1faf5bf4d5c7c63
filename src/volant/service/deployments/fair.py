"""A fair queue of the texts for one model: clients take turns, and so do the requests of a client.

Large requests are answered in slices, so that nobody waits for the end of another client's request.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from volant.kinds.record import Annotation

CHARACTERS = 4  # ASCII characters per token, roughly; in other scripts, such as Chinese, each character is a token
CLEANING = 64  # characters whose cleaning takes about as long as one token in a model
TURNS = 8  # turns per batch: further clients are answered in the next batch


def cost(text: str, longest: int) -> int:
    r"""Return the cost of a text in tokens: those that the model reads, plus the cleaning of the whole text.

    Text that is not ASCII is cleaned line by line; each line takes about as long as a token.

    Args:
        text: Raw text.
        longest: Maximum number of tokens that the model reads.

    Example:
        >>> cost("a fine film", 512), cost("a" * 6400, 512), cost("é\n" * 1000, 512)
        (4, 612, 1543)
    """
    plain = text.isascii()
    ascii_characters = len(text) if plain else len(text.encode("ascii", "ignore"))
    tokens = min(ascii_characters // CHARACTERS + len(text) - ascii_characters + 2, longest)
    return tokens + len(text) // CLEANING + (0 if plain else text.count("\n"))


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """A request in the queue.

    Attributes:
        texts: Texts (N).
        costs: Cost of each text in tokens (N).
        loop: Event loop that awaits the predictions.
        future: Future of the predictions.
        annotations: Predictions so far.
        next: Index of the next text to take.
    """

    texts: Sequence[str]
    costs: Sequence[int]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[Annotation]]
    annotations: list[Annotation] = field(default_factory=list)
    next: int = 0


@dataclass(slots=True)
class Piece:
    """A slice of a request's texts, for one batch."""

    request: QueuedRequest
    start: int
    stop: int

    @property
    def texts(self) -> Sequence[str]:
        """The texts of the slice."""
        return self.request.texts[self.start : self.stop]

    @property
    def cost(self) -> int:
        """The cost of the slice in tokens."""
        return sum(self.request.costs[self.start : self.stop])


@dataclass(slots=True)
class _Lane:
    """The waiting requests of one client."""

    requests: deque[QueuedRequest] = field(default_factory=deque)
    texts: int = 0
    cost: int = 0

    def in_turns(self, turns: int, turn: int) -> int:
        """Return the cost that is processed in a number of turns, of at least one text each."""
        return min(self.cost, turns * max(turn, self.cost // max(1, self.texts)))


class Queue:
    """Waiting requests by client.

    Attributes:
        texts: Number of waiting texts.
        requests: Number of requests that wait, in full or in part.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self.texts = 0
        self.requests = 0

    def add(self, client: str, request: QueuedRequest) -> None:
        """Add a request.

        Args:
            client: Identity of the client.
            request: The request.
        """
        lane = self._lanes.setdefault(client, _Lane())
        lane.requests.append(request)
        lane.cost += sum(request.costs)
        lane.texts += len(request.texts)
        self.texts += len(request.texts)
        self.requests += 1

    def share(self, client: str, most: int) -> int:
        """Return the number of further texts that a client may queue: an equal share of `most` for each waiting client.

        Args:
            client: Identity of the client.
            most: Maximum number of waiting texts of all clients.
        """
        lane = self._lanes.get(client)
        clients = len(self._lanes) + (lane is None)
        return max(1, most // clients) - (lane.texts if lane else 0)

    def ahead(self, client: str, costs: int, budget: int) -> int:
        """Return the cost of the work until a new request is answered, itself included.

        Args:
            client: Identity of the client.
            costs: Cost of the request's texts in tokens.
            budget: Maximum cost of a batch in tokens.
        """
        turn = max(1, budget // TURNS)
        rounds = math.ceil(costs / turn)
        lane = self._lanes.get(client, _Lane())
        turns = rounds * (len(lane.requests) + 1)  # turns of this client until the request is answered
        before = lane.in_turns(turns - rounds, turn)
        others = (other.in_turns(turns, turn) for name, other in self._lanes.items() if name != client)
        return costs + before + sum(others)

    def take(self, budget: int) -> list[Piece]:
        """Take the next texts, in turns, up to a budget in tokens; at least one text if any is waiting."""
        pieces: dict[int, Piece] = {}
        turn = max(1, budget // TURNS)
        left = budget
        while self._lanes:
            client, lane = next(iter(self._lanes.items()))
            request = lane.requests[0]
            start = request.next
            stop = start if request.future.done() else _stop(request, min(turn, left), left, first=not pieces)
            if stop == start and not request.future.done():
                break
            if stop > start:
                piece = pieces.setdefault(id(request), Piece(request, start, stop))
                piece.stop = stop
                left -= sum(request.costs[start:stop])
            self._advance(client, lane, request, len(request.texts) if request.future.done() else stop)
        return list(pieces.values())

    def drop(self, request: QueuedRequest) -> None:
        """Remove the waiting texts of a request."""
        for client, lane in list(self._lanes.items()):
            if request in lane.requests:
                lane.requests.remove(request)
                lane.requests.appendleft(request)
                self._advance(client, lane, request, len(request.texts))

    def _advance(self, client: str, lane: _Lane, request: QueuedRequest, stop: int) -> None:
        """Record that the first request of a lane was taken up to a text, and pass the turn on."""
        count = stop - request.next
        lane.cost -= sum(request.costs[request.next : stop])
        lane.texts -= count
        self.texts -= count
        request.next = stop
        lane.requests.rotate(-1)
        if stop == len(request.texts):
            lane.requests.pop()
            self.requests -= 1
        self._lanes.move_to_end(client)
        if not lane.requests:
            del self._lanes[client]


def _stop(request: QueuedRequest, turn: int, left: int, first: bool) -> int:
    """Return the end of a slice of a request: within its turn, and within the rest of the batch."""
    stop = request.next
    spent = 0
    while stop < len(request.texts) and spent < turn:
        spent += request.costs[stop]
        if spent > left and not (first and stop == request.next):
            break
        stop += 1
    return stop
