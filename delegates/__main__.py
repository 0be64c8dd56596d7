"""The device's entry point: a worker, a probe of this Python, or the conductor, which home starts."""

from __future__ import annotations

import sys


def main() -> None:
    """Be what the command line says; each role imports only what it needs, as workers start by the dozen."""
    if sys.argv[1:] == ["work"]:
        from .agent import worker

        worker.main()
    elif sys.argv[1:] == ["probe"]:
        from .probe import python

        python.main()
    else:
        from .agent import serve

        serve.main()


if __name__ == "__main__":
    main()
