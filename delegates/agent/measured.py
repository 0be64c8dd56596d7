"""Keep what has been measured of a job so far: launches, timed work, what they cost, and their floors."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from .. import stats
from .planning import Cost, Halves

Blocks = Sequence[Sequence[int]]
Floors = Dict[int, float]
WALL, CPU = 0, 1


class Measured:
    """The launches of a job. Floors are in ns, by launch number: of wall time and, if measured, CPU time."""

    def __init__(self) -> None:
        self.launches = 0
        self.spent_ns = 0  # timed work
        self.cost_ns = 0  # wall time of all launches, from start to end
        self.floors: Tuple[Floors, Floors] = ({}, {})
        self._halves: Tuple[Dict[int, Halves], Dict[int, Halves]] = ({}, {})
        self._blocks = 0
        self._blocks_cost_ns = 0

    def add(self, number: int, wall: Blocks, cpu: Blocks, cost_ns: int, blocks_cost_ns: int) -> None:
        """Add a launch: its blocks, and the wall time that it took in all and for its blocks."""
        self.launches += 1
        self.spent_ns += sum(map(sum, wall))
        self.cost_ns += cost_ns
        self._blocks += len(wall)
        self._blocks_cost_ns += blocks_cost_ns
        for kind, blocks in ((WALL, wall), (CPU, cpu)):
            self._add_floors(kind, number, [stats.block_floor(block) for block in blocks if block])

    def halves(self, kind: int) -> List[Halves]:
        """Return the floors of each launch's even and odd blocks, of launches with at least two."""
        return list(self._halves[kind].values())

    @property
    def blocks(self) -> float:
        """Blocks per launch, on average."""
        return self._blocks / max(1, self.launches)

    @property
    def cost(self) -> Cost:
        """The average cost of a launch without its blocks, and of a block."""
        fixed_ns = self.cost_ns - self._blocks_cost_ns
        return Cost(fixed_ns / max(1, self.launches), self._blocks_cost_ns / max(1, self._blocks))

    def _add_floors(self, kind: int, number: int, floors: List[float]) -> None:
        whole = stats.tercile(floors)
        if whole is None:
            return
        self.floors[kind][number] = whole
        even, odd = stats.tercile(floors[::2]), stats.tercile(floors[1::2])
        if even and odd:
            self._halves[kind][number] = (even, odd)
