"""Statistics for paired measurements on a noisy machine: medians, and how far to trust them."""

import random
from dataclasses import dataclass
from statistics import median

RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """The median of the per-pair ratios, and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def tied(self):
        return self.low <= 1 <= self.high


def bootstrap_interval(samples, confidence=0.95, resamples=RESAMPLES, seed=1):
    """The percentile bootstrap of the median. Seeded, so that one set of samples always gives one answer."""
    if not samples:
        raise ValueError("no samples")
    source = random.Random(seed)
    medians = sorted(median(source.choices(samples, k=len(samples))) for _ in range(resamples))
    tail = (1 - confidence) / 2
    return medians[int(tail * resamples)], medians[min(resamples - 1, int((1 - tail) * resamples))]


def paired_ratio(subjects, references):
    """Compares what was measured side by side: noise that lasts longer than a pair cancels out."""
    if len(subjects) != len(references):
        raise ValueError(f"{len(subjects)} samples can't be paired with {len(references)}")
    ratios = [subject / reference for subject, reference in zip(subjects, references)]
    return Ratio(median(ratios), *bootstrap_interval(ratios))


def slope(first, last):
    """Growth per unit between two (position, value) points."""
    return (last[1] - first[1]) / (last[0] - first[0])
