"""Logistic regression on sparse features by Newton's method: about a hundred matrix products with the features.

Each step is solved by conjugate gradients, preconditioned with the curvature of each weight: that of a frequent n-gram
is a hundred times that of a rare one.

Source: Lin, Weng & Keerthi 2008, Trust Region Newton Method for Logistic Regression,
https://www.jmlr.org/papers/v9/lin08b.html; Hsia, Chiang & Lin 2018, Preconditioned Conjugate Gradient Methods in
Truncated Newton Frameworks, http://proceedings.mlr.press/v95/hsia18a.html
"""

from typing import Any

import numpy as np

NEVER = -20.0  # logit of a label that no train row has
TOLERANCE = 0.01  # length of the last gradient relative to the first
FORCING = 0.1  # maximum residual of a step relative to the gradient
STEPS = 100  # maximum number of conjugate gradient iterations per step
HALVINGS = 20  # maximum number of halvings of a step that goes too far
SUFFICIENT = 1e-4  # minimum decrease of the loss relative to the one that the slope predicts
Part = tuple[np.ndarray, np.ndarray, np.ndarray]  # columns of the weights, gold (N, K), and the code of each row (N,)


def fit_logistic(
    features: Any, targets: np.ndarray, labels: int, c: float, balanced: bool, max_iter: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a logistic regression; return its coefficients (L, F) and intercepts (L,), both float32.

    Args:
        features: Features of each row, (N, F), a sparse or a dense array of floats.
        targets: (N,) int64, or for several labels (N, L): one binary problem each.
        labels: Size L of the label set.
        c: Inverse regularisation strength.
        balanced: Give all labels the same total weight, however rare they are.
        max_iter: Maximum number of steps of Newton's method.
    """
    weights = np.zeros((features.shape[1] + 1, labels), dtype=np.float32)
    weights[-1], problems = (_one_label if targets.ndim == 1 else _several)(targets, labels)
    squares = features**2
    for columns, gold, codes in problems:
        shares = c * _balance(codes) if balanced else np.full(len(codes), c)
        weights[:, columns] = _Problem(features, squares, gold, shares).solve(max_iter)
    return np.ascontiguousarray(weights[:-1].T), weights[-1].copy()


def _one_label(targets: np.ndarray, labels: int) -> tuple[np.ndarray, list[Part]]:
    """Return the offsets (L,) of labels that need no fit, and the problem of the others."""
    present, codes = np.unique(targets, return_inverse=True)
    offsets = np.full(labels, NEVER)
    offsets[present] = 0.0
    if len(present) < 2:
        return offsets, []
    if len(present) == 2:  # softmax over (0, d) is the sigmoid of d
        return offsets, [(present[1:], codes[:, None] == 1, codes)]
    return offsets, [(present, np.eye(len(present))[codes], codes)]


def _several(targets: np.ndarray, labels: int) -> tuple[np.ndarray, list[Part]]:  # noqa: ARG001  (as `_one_label`)
    """Return the same as `_one_label`, with a problem for each label that some rows have and others lack."""
    applies = targets > 0
    always = applies.all(axis=0)
    never = ~applies.any(axis=0)
    offsets = np.select([always, never], [-NEVER, NEVER], 0.0)
    columns = np.flatnonzero(~always & ~never)
    return offsets, [(columns[[k]], applies[:, [column]], applies[:, column] * 1) for k, column in enumerate(columns)]


def _balance(codes: np.ndarray) -> np.ndarray:
    """Return weights of the rows, (N,), that give all codes the same total weight."""
    counts = np.bincount(codes)
    return (len(codes) / (len(counts) * counts))[codes]


class _Problem:
    """The weights of K logits: softmax over them, or the sigmoid of a single one. The last weight is the offset.

    Args:
        features: Features of each row, (N, F).
        squares: Squares of the features, (N, F).
        gold: 1 where the logit should be high, (N, K).
        shares: Weight of each row, (N,).
    """

    def __init__(self, features: Any, squares: Any, gold: np.ndarray, shares: np.ndarray) -> None:
        self._features = features
        self._across = features.T
        self._squares = squares.T
        self._gold = gold.astype(features.dtype)
        self._shares = shares.astype(features.dtype)[:, None]

    def solve(self, max_iter: int) -> np.ndarray:
        """Return the weights, (F + 1, K), that minimise the loss."""
        logits = np.zeros_like(self._gold)
        point = np.zeros((self._features.shape[1] + 1, logits.shape[1]), dtype=logits.dtype)
        first = None
        for _ in range(max_iter):
            likely = np.exp(logits - _normaliser(logits))
            gradient = self._gradient(likely, point)
            size = _dot(gradient, gradient) ** 0.5
            first = size if first is None else first
            if size <= TOLERANCE * first:
                break
            step, moved = self._step(likely, gradient, min(FORCING, (size / first) ** 0.5))
            length = self._length((point, logits), (step, moved), _dot(gradient, step))
            point += length * step
            logits += length * moved
        return point

    def _loss(self, point: np.ndarray, logits: np.ndarray) -> float:
        unlikely = _normaliser(logits)[:, 0] - (self._gold * logits).sum(axis=1)
        return float((self._shares[:, 0] * unlikely).sum(dtype=np.float64)) + _dot(point[:-1], point[:-1]) / 2

    def _gradient(self, likely: np.ndarray, point: np.ndarray) -> np.ndarray:
        return self._sums(self._across, self._shares * (likely - self._gold), point)

    def _sums(self, across: Any, rows: np.ndarray, point: np.ndarray | float) -> np.ndarray:
        """Return the sums over rows (N, K) for each weight, (F + 1, K), plus the gradient of the prior at a point."""
        sums = np.empty((across.shape[0] + 1, rows.shape[1]), dtype=rows.dtype)
        sums[:-1] = across @ rows
        sums[-1] = rows.sum(axis=0)
        sums[:-1] += point[:-1] if isinstance(point, np.ndarray) else point
        return sums

    def _step(self, likely: np.ndarray, gradient: np.ndarray, forcing: float) -> tuple[np.ndarray, np.ndarray]:
        """Return Newton's step (F + 1, K) and the change of the logits (N, K), by conjugate gradients."""
        spread = self._shares * likely
        scale = self._sums(self._squares, spread * (1 - likely), 1.0)
        scale[-1] = np.maximum(scale[-1], np.finfo(scale.dtype).tiny)
        step = np.zeros_like(gradient)
        moved = np.zeros_like(likely)
        rest = -gradient
        direction = rest / scale
        left = _dot(rest, direction)
        goal = forcing**2 * left
        for _ in range(STEPS):
            along = self._features @ direction[:-1] + direction[-1]
            bent = self._sums(self._across, spread * (along - (likely * along).sum(axis=1, keepdims=True)), direction)
            length = left / _dot(direction, bent)
            step += length * direction
            moved += length * along
            rest -= length * bent
            scaled = rest / scale
            before = left
            left = _dot(rest, scaled)
            if left <= goal:
                break
            direction = scaled + left / before * direction
        return step, moved

    def _length(self, start: tuple[np.ndarray, np.ndarray], step: tuple[np.ndarray, np.ndarray], slope: float) -> float:
        """Return the step length: 1, halved until the loss decreases enough."""
        loss = self._loss(*start)
        length = 1.0
        slack = np.finfo(start[0].dtype).eps * abs(loss)
        for _ in range(HALVINGS):
            ends = [here + length * there for here, there in zip(start, step, strict=True)]
            if self._loss(*ends) <= loss + SUFFICIENT * length * slope + slack:
                break
            length /= 2
        return length


def _normaliser(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of the sum of exponentials of the logits, (N, 1); a single logit is paired with 0."""
    if logits.shape[1] == 1:
        return np.logaddexp(0, logits)
    highest = logits.max(axis=1, keepdims=True)
    return highest + np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))


def _dot(left: np.ndarray, right: np.ndarray) -> float:
    """Return the dot product in float64, and without BLAS, whose sums depend on the number of threads."""
    return float((left * right).sum(dtype=np.float64))
