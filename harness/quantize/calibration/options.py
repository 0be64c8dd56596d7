"""How samples are to be read."""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 256  # samples used at most, unless told otherwise; TensorFlow's guide asks for 100 to 500

Interval = tuple[float, float]


@dataclass(frozen=True)
class Options:
    """How samples are to be read.

    samples: at most so many. resize: a Pillow filter. scale: what images are scaled to; None: as the input
    wants it. range: of random data; None: as the input wants it.
    """

    samples: int = LIMIT
    resize: str = "bilinear"
    scale: Interval | None = None
    range: Interval | None = None
