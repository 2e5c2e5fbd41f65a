"""Two classifiers on the same images: how far apart they are, and whether that is noise. No torch, no files.

Only the images that one of the two has right and the other wrong tell them apart: the discordant pairs.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom

Hits = NDArray[np.bool_]

_NORMAL = NormalDist()


def discordant(first: Hits, second: Hits) -> tuple[int, int]:
    """How many images only the first has right, and only the second; ``[N]`` each, whether it is right."""
    return int((first & ~second).sum()), int((second & ~first).sum())


def mcnemar(first: int, second: int) -> float:
    """The p-value of McNemar's test, when ``first`` images are right by the first alone, ``second`` by the second.

    How often two equally good classifiers would be at least as far apart, with the mid-p correction: the exact
    binomial test on the discordant pairs, which counts the outcome that was seen by half. It holds its level without
    the exact test's loss of power (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91).
    """
    count, fewer = first + second, min(first, second)
    beyond = binom.cdf(fewer - 1, count, 0.5) + binom.pmf(fewer, count, 0.5) / 2
    return float(min(1.0, 2 * beyond))


def difference_interval(first: int, second: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Where the difference of the accuracies lies, first less second, of which ``(first - second) / count`` was seen.

    The score interval of Tango 1998 (Statistics in Medicine 17:891), one of those that Fagerland, Lydersen and Laake
    2014 (Statistics in Medicine 33:2850) recommend: the differences that the score test does not refuse.
    """
    seen, limit = (first - second) / count, _NORMAL.inv_cdf((1 + confidence) / 2)

    def beyond(difference: float, bound: float) -> float:
        return _score(first, second, count, difference) - bound

    low = -1.0 if seen == -1 else brentq(beyond, -1, seen, (limit,))
    high = 1.0 if seen == 1 else brentq(beyond, seen, 1, (-limit,))
    return float(low), float(high)


def detectable_difference(first: int, second: int, count: int, power: float = 0.8, confidence: float = 0.95) -> float:
    """The least difference of accuracies that ``count`` images show with the probability ``power``.

    The sample size for McNemar's test (Connor 1987, Biometrics 43:207), solved for the difference. As many pairs are
    taken to be discordant as were seen, or as the difference needs.
    """
    wanted, found = _NORMAL.inv_cdf((1 + confidence) / 2), _NORMAL.inv_cdf(power)

    def missing(difference: float) -> float:
        discordant = max((first + second) / count, difference)
        needed = wanted * math.sqrt(discordant) + found * math.sqrt(discordant - difference**2)
        return needed - difference * math.sqrt(count)

    return 1.0 if missing(1.0) > 0 else float(brentq(missing, 1e-9, 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, raised so that all of them together err as seldom as one (Holm 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _score(first: int, second: int, count: int, difference: float) -> float:
    """Tango's statistic: how many standard errors what was seen lies above ``difference``."""
    # The share of images that the second alone has right, likeliest if the difference were this one.
    b = (2 * count - first + second) * difference - first - second
    c = -second * difference * (1 - difference)
    share = (math.sqrt(max(0.0, b * b - 8 * count * c)) - b) / (4 * count)
    variance = count * (2 * share + difference * (1 - difference))
    above = first - second - count * difference
    return above / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, above) if above else 0.0
