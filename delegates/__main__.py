"""Device entry: a worker of the conductor's, a look at one Python, or home's request."""

from __future__ import annotations

import sys


def main() -> None:
    # Each role imports only what it needs: workers are started by the dozen.
    if sys.argv[1:] == ["work"]:
        from .agent import worker

        worker.main()
    elif sys.argv[1:] == ["probe"]:
        from .probe import questions

        questions.main()
    else:
        from .agent import home

        home.conduct()


if __name__ == "__main__":
    main()
