"""A child process that runs a user's callable and writes its samples; `callables` starts it.

The only argument is a `Request` as JSON. The process writes `result`, an .npz with one array per input in
their order, and `labels` if there are any; or, beside it, an .error with one line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from harness.errors import ModelError
from harness.quantize.calibration.arrays import first_line
from harness.quantize.calibration.collecting import collect
from harness.quantize.calibration.samples import InputSpec
from harness.quantize.user_code import find

WHERE = "it"  # the caller replaces it by the name of the callable


class Request(Struct, frozen=True):
    """A callable to run, and the inputs that its samples are for."""

    text: str  # package.module:callable
    limit: int  # of samples
    result: str
    inputs: tuple[InputSpec, ...]


def main(request: Request) -> int:
    """Call, collect, write. Returns the exit status."""
    result = Path(request.result)
    try:
        arrays, labels = collect(find(request.text)(), request.inputs, request.limit, WHERE)
        with result.with_suffix(".tmp").open("wb") as file:
            np.savez(file, *arrays, **({} if labels is None else {"labels": labels}))
        result.with_suffix(".tmp").rename(result)
    except ModelError as error:
        message = str(error).removeprefix(f"{WHERE}: ")
    except (Exception, SystemExit) as error:
        message = f"raised {type(error).__name__}: {first_line(error)}"
    else:
        return 0
    result.with_suffix(".error").write_text(message, encoding="utf-8")
    return 1


if __name__ == "__main__":
    sys.exit(main(msgspec.convert(json.loads(sys.argv[1]), Request)))
