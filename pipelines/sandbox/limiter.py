"""The API's two limits: a leaky bucket by account and client, and a burst of requests a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Limit:
    """What one account of one client has left. Sizes follow the number of registers that the account pays for."""

    registers: int
    clock: Callable[[], float]
    multiplier: float = 1.0
    """Above 1 the bucket is larger and drips faster than Lightspeed's: for demos."""
    burst_of_90: int = 20
    level: float = 0.0
    leaked_at: float = field(default=0.0)
    second: int = 0
    in_second: int = 0

    def __post_init__(self) -> None:
        self.leaked_at = self.clock()

    @property
    def size(self) -> float:
        return (90 + 10 * (self.registers - 1)) * self.multiplier

    @property
    def drip(self) -> float:
        return (1 + 0.5 * (self.registers - 1)) * self.multiplier

    @property
    def burst(self) -> int:
        return int(self.size * self.burst_of_90 / 90)

    def refusal(self) -> tuple[str, float] | None:
        """Which limit is over, and the seconds to wait; None where the request may pass."""
        now = self.clock()
        self.level = max(0.0, self.level - (now - self.leaked_at) * self.drip)
        self.leaked_at = now
        if int(now) != self.second:
            self.second, self.in_second = int(now), 0
        self.in_second += 1
        if self.in_second > self.burst:
            return "api-burst-limiter", 1.0
        if self.level >= self.size:
            return "api-leaky-bucket", max(1.0, (self.level - self.size) / self.drip)
        return None

    def take(self, cost: float) -> None:
        """A request that crosses the size is still served."""
        self.level += cost

    def headers(self, cost: float) -> dict[str, str]:
        return {
            "X-LS-Api-Bucket-Level": f"{self.level:.12g}/{self.size:g}",
            "X-LS-API-Burst-Level": f"{self.in_second}/{self.burst}",
            "X-LS-Api-Drip-Rate": f"{self.drip:g}",
            "X-LS-Api-Request-Cost": f"{cost:g}",
        }


def list_cost(relations: list[tuple[str, bool]], *, single: bool, counting: bool) -> float:
    """Drips of a GET. *relations* are (path, is to-many); lists and relations under a to-many cost double."""
    if counting:
        return 10.0
    factor = 1 if single else 2
    return 1.0 + sum(0.1 * (2 if many else 1) * max(factor, 2 if "." in path else 1) for path, many in relations)
