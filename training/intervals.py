"""Where a rate lies that was seen in a sample. No torch, no files."""

import math
from statistics import NormalDist


def wilson(hits: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Where a rate lies, between 0 and 1, at a two-sided ``confidence``, when ``hits`` of ``count`` were seen.

    The score interval of Wilson 1927 (JASA 22:209), which holds its confidence for few images and for rates near 0
    and 1, where the usual normal interval does not (Brown, Cai and DasGupta 2001, Statistical Science 16:101). Of no
    images at all nothing is known: 0 to 1.
    """
    if not count:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, spread = hits / count, z**2 / count
    middle, margin = rate + spread / 2, math.sqrt(spread * (rate * (1 - rate) + spread / 4))
    # Rounding must not push the rate itself out: at 0 and at 1 the end of the interval is the rate.
    low, high = (middle - margin) / (1 + spread), (middle + margin) / (1 + spread)
    return max(0.0, min(low, rate)), min(1.0, max(high, rate))
