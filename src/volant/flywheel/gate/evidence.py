"""Evidence that a version is not worse, or better: one-sided tests whose errors add up to a bound over all iterations.

Each comparison of a flywheel is a *look*. Look k may err with `spent(k)`; all looks together, however many there are,
err with at most half of `1 - confidence` (alpha-spending; Foster & Stine 2008,
https://doi.org/10.1111/j.1467-9868.2007.00643.x). A version that was shown to be better earns a new budget.

Not worse is a non-inferiority test (Piaggio et al. 2012, https://doi.org/10.1001/jama.2012.87802): the lower end of
the difference lies at or above `-margin`. All arguments may be arrays, so that `bench/gate.py` simulates with these
very functions.
"""

from typing import Any, Literal

import numpy as np

Verdict = Literal["better", "not_worse", "unclear", "worse"]
ROUNDING = 1e-9  # 0.80 - 0.79 is not quite 0.01: a loss of just the margin is none
TOTAL = 2.1098  # the sum of 1 / ((k + 1) ln(k + 1)^2) over all k from 1


def spent(look: Any, confidence: float) -> Any:
    """Return the one-sided error that look number `look` (from 1) may make.

    Example:
        >>> [f"{spent(k, 0.95):.5f}" for k in (1, 2, 10, 100)]
        ['0.01233', '0.00327', '0.00019', '0.00001']
    """
    after = np.asarray(look, dtype=float) + 1
    return (1 - confidence) / 2 / TOTAL / (after * np.log(after) ** 2)


def mean_difference(gained: Any, units: np.ndarray | None = None) -> tuple[Any, Any]:
    """Return the mean of paired differences (..., rows) and its standard error.

    It is what a bootstrap of the mean converges to.

    Args:
        gained: How much better the new version is on each row.
        units: Number of the unit of each row, from 0, where whole units are drawn; each row by default.

    Example:
        >>> mean_difference(np.array([1.0, 0.0, 0.0, -1.0]))
        (np.float64(0.0), np.float64(0.3535533905932738))
    """
    gained = np.asarray(gained)
    rows = gained.shape[-1]
    mean = gained.mean(axis=-1, dtype=float)
    if units is None:
        squares = np.einsum("...i,...i", gained, gained, dtype=float, casting="same_kind")
        return mean, np.sqrt(np.maximum(squares - rows * mean**2, 0)) / rows
    whole = np.apply_along_axis(lambda row: np.bincount(units, row), -1, gained - mean[..., None])
    return mean, np.sqrt((whole**2).sum(axis=-1)) / rows


def quantile(alpha: Any, units: int) -> Any:
    """Return how many standard errors a one-sided error of `alpha` is: Student's t, since few units say little."""
    from scipy.special import stdtrit

    return -stdtrit(max(1, units - 1), np.asarray(alpha, dtype=float))


def low_end(difference: Any, spread: Any, rows: int, units: int, alpha: Any) -> Any:
    """Return the lower end of a difference.

    Where hardly any row tells the two apart, the standard error is too small: a true loss of `d` implies that a share
    of at least `d` of the rows differs, so that the variance under that loss is at least `d / rows`. This is the
    paired score test of Tango (1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B)
    where no row differs.

    Args:
        difference: Difference of the new version, or several.
        spread: Standard error of the difference.
        rows: Number of test rows.
        units: Number of units drawn.
        alpha: One-sided error.

    Example:
        >>> round(float(low_end(0.0, 0.0, 100, 100, 0.0123)), 3)
        -0.052
    """
    difference = np.asarray(difference, dtype=float)
    spread = np.asarray(spread, dtype=float)
    at = quantile(alpha, units)
    share = at**2 / rows
    inside = np.maximum(share**2 - 4 * share * difference, 0)
    fewest = np.where(share >= 4 * difference, -(share - 2 * difference + np.sqrt(inside)) / 2, np.inf)
    return np.minimum(difference - at * spread, fewest)


def verdict(difference: float, low: float, margin: float) -> Verdict:
    """Return what a difference and its lower end say.

    Args:
        difference: Difference of the new version.
        low: Lower end of the difference.
        margin: Loss that counts as nothing.

    Example:
        >>> [verdict(*found, 0.01) for found in ((0.05, 0.01), (0.02, -0.01), (0.0, -0.02), (-0.02, -0.04))]
        ['better', 'not_worse', 'unclear', 'worse']
    """
    if low > 0:
        return "better"
    if low >= -margin - ROUNDING:
        return "not_worse"
    return "worse" if difference < -margin - ROUNDING else "unclear"


def passes(over_champion: Any, over_best: Any, margin: float, require: str = "not_worse") -> Any:
    """Return whether the lower ends let a version pass.

    It must be shown to be better than the champion, or not to be worse than it and than the best of all champions so
    far. As each of them is at most as good as that best one, no error is paid for their number (intersection-union).

    Args:
        over_champion: Lower end of the difference to the champion.
        over_best: Lower end of the difference to the champion of any time that does best on these rows.
        margin: The loss that counts as nothing.
        require: `not_worse` or `better`.
    """
    better = np.asarray(over_champion) > 0
    not_worse = np.minimum(over_champion, over_best) >= -margin - ROUNDING
    return better if require == "better" else better | not_worse


def power(true: float, spread: float, rows: int, units: int, alpha: float, margin: float) -> float:
    """Return how likely a version passes that truly differs by `true` from the champion, which is the best one.

    Args:
        true: True difference of the version.
        spread: Standard error of the difference.
        rows: Number of test rows.
        units: Number of units drawn.
        alpha: One-sided error.
        margin: Loss that counts as nothing.

    Example:
        >>> round(power(0.0, 0.0155, 359, 359, 0.0123, 0.01), 2)
        0.05
    """
    from scipy.special import ndtr

    return float(ndtr((true - needed(spread, rows, units, alpha, margin)) / max(spread, 1 / rows)))


def needed(spread: float, rows: int, units: int, alpha: float, margin: float) -> float:
    """Return the smallest measured difference that passes.

    Args:
        spread: Standard error of the difference.
        rows: Number of test rows.
        units: Number of units drawn.
        alpha: One-sided error.
        margin: Loss that counts as nothing.
    """
    at = float(quantile(alpha, units))
    return at * max(spread, (margin / rows) ** 0.5) - margin


def describe(spread: float, rows: int, units: int, alpha: float, margin: float) -> dict[str, Any]:
    """Return the power of a comparison as numbers: how likely versions of known quality pass, and what would help.

    Args:
        spread: Standard error of the difference.
        rows: Number of test rows.
        units: Number of units drawn.
        alpha: One-sided error.
        margin: Loss that counts as nothing.
    """
    true = [round(times * margin, 6) for times in (-2, 0, 1, 2, 5)]
    return {
        "passes": {f"{one:+g}": round(power(one, spread, rows, units, alpha, margin), 4) for one in true},
        "needed": round(needed(spread, rows, units, alpha, margin), 6),
        "rows_for_equal": rows_needed(spread, rows, alpha, margin) if margin else None,
    }


def rows_needed(spread: float, rows: int, alpha: float, margin: float) -> int:
    """Return how many test rows let an equal version pass four times in five, as far as these rows tell.

    Args:
        spread: Standard error of the difference on these rows.
        rows: Number of test rows.
        alpha: One-sided error.
        margin: Loss that counts as nothing.
    """
    one = max(spread * rows**0.5, margin**0.5)
    return int(np.ceil(((float(quantile(alpha, 10**6)) + 0.8416) * one / margin) ** 2))
