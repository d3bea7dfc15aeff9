"""Exact upper tails of the binomial and the Poisson distribution."""

from math import exp, lgamma, log, log1p

TINY = 1e-17
"""Terms below this share of the sum no longer change it."""


def binomial_tail(k: int, n: int, p: float) -> float:
    """The probability of ``k`` or more out of ``n``, each with probability ``p``.

    Up to the expected number it returns 1.0, an upper bound, as such counts are no surprise.
    """
    if k <= n * p:
        return 1.0
    if p <= 0.0:
        return 0.0
    at = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p)
    odds, term, total = p / (1 - p), 1.0, 1.0
    for i in range(k, n):
        term *= (n - i) / (i + 1) * odds
        total += term
        if term < TINY * total:
            break
    return min(1.0, exp(at) * total)


def poisson_tail(k: int, mean: float) -> float:
    """The probability of ``k`` or more where ``mean`` are expected; 1.0 up to the mean."""
    if k <= mean:
        return 1.0
    if mean <= 0.0:
        return 0.0
    at, term, total, i = k * log(mean) - mean - lgamma(k + 1), 1.0, 1.0, k
    while term > TINY * total:
        i += 1
        term *= mean / i
        total += term
    return min(1.0, exp(at) * total)
