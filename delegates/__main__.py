"""The entry point of the bundle: a conductor, worker ("work"), launcher ("launch") or probe ("probe")."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the role that the command line names. Each imports only what it needs, so workers start fast."""
    if sys.argv[1:] == ["work"]:
        from .agent import worker

        worker.main()
    elif sys.argv[1:2] == ["launch"]:
        from .agent import launcher

        launcher.main()
    elif sys.argv[1:] == ["probe"]:
        from .probe import python

        python.main()
    else:
        from .agent import serve

        serve.main()


if __name__ == "__main__":
    main()
