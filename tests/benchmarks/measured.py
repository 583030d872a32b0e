"""Numbers that were measured several times, and the slope between two sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Seconds = Mapping[str, float]
"""CPU seconds by name."""

SMALLER, LARGER = 4, 16
"""How many times the sales of the world that is multiplied."""

MOST = 1.1
"""The largest slope that passes."""

MEASURABLE = 1.0
"""CPU seconds that a model takes at LARGER beyond an empty world before its own slope says anything."""


@dataclass(frozen=True)
class Sample:
    """What one thing took each time it was measured."""

    seconds: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.seconds)

    @property
    def least(self) -> float:
        """What it takes undisturbed: other work on the machine only adds."""
        return min(self.seconds)

    def __str__(self) -> str:
        spread = f" ({self.least:.2f}-{max(self.seconds):.2f})" if len(self.seconds) > 1 else ""
        return f"{self.middle:.2f}{spread}"


@dataclass(frozen=True)
class Growth:
    """One model, or all of them, in an empty world and in two sizes of one."""

    name: str
    empty: Sample
    smaller: Sample
    larger: Sample

    @property
    def slope(self) -> float | None:
        """The exponent by which the time grows with the sales; None where there is too little to measure."""
        smaller, larger = self.smaller.least - self.empty.least, self.larger.least - self.empty.least
        if larger < MEASURABLE or smaller <= 0:
            return None
        return math.log(larger / smaller) / math.log(LARGER / SMALLER)

    @property
    def is_steep(self) -> bool:
        return self.slope is not None and self.slope > MOST


def samples(runs: Sequence[Seconds]) -> dict[str, Sample]:
    """The sample of each name over *runs*."""
    return {name: Sample(tuple(one.get(name, 0.0) for one in runs)) for name in runs[0]}


def growths(empty: Sequence[Seconds], smaller: Sequence[Seconds], larger: Sequence[Seconds]) -> list[Growth]:
    """All models together, then each, the most expensive first."""
    sizes = [[{**one, "all models and tests": sum(one.values())} for one in runs] for runs in (empty, smaller, larger)]
    by_size = [samples(runs) for runs in sizes]
    found = [Growth(name, *(size[name] for size in by_size)) for name in by_size[2]]
    return sorted(found, key=lambda one: -one.larger.middle)
