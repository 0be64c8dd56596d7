"""The launcher: a process that has imported a runtime, and forks workers that need not import it again.

It has opened no model and has a single thread, so that its copies are as good as fresh processes. Each worker
is forked by a process in between, which ends at once. That makes the worker a child of the conductor: it can
be waited for, and does not depend on its launcher any more.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from array import array
from typing import List, Optional, TextIO

from .. import streams
from ..backends.runtime import open_runtime
from ..probe.machine import die_with_parent
from . import resident, worker
from .messages import READY_TO_FORK

_DESCRIPTORS = 3  # of a worker: stdin, stdout, stderr


def main() -> None:
    """Fork a worker whenever its descriptors come through a socket, until the socket is closed.

    Command line: the socket's descriptor, the runtime. Prints READY_TO_FORK, then each worker's process ID.
    """
    out = streams.take_stdout()
    die_with_parent()
    requests = socket.socket(fileno=int(sys.argv[2]))
    open_runtime(sys.argv[3])
    _check_threads()
    gc.collect()  # before pages are listed: it may unmap some
    pages = resident.file_pages()
    gc.freeze()  # else the first collection in a worker would copy nearly all memory
    streams.write(out, READY_TO_FORK + "\n")
    _fork_workers(requests, out)
    resident.touch(pages)
    worker.main()


def _check_threads() -> None:
    """Raise RuntimeError if there is a second thread: it would be missing in the workers."""
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise RuntimeError("importing the runtime has started %d threads" % (threads - 1))


def _fork_workers(requests: socket.socket, out: TextIO) -> None:
    """Fork a worker per request. Returns in each worker; the launcher itself exits after the last request."""
    while True:
        descriptors = _receive(requests)
        if not descriptors:
            os._exit(0)
        pid = _fork(descriptors)
        if pid is None:
            requests.close()
            out.close()
            return
        streams.write(out, "%d\n" % pid)


def _receive(requests: socket.socket) -> List[int]:
    """Return the descriptors of the next worker; none at the end."""
    descriptors = array("i")
    _, ancillary, _, _ = requests.recvmsg(1, socket.CMSG_SPACE(_DESCRIPTORS * descriptors.itemsize))
    for _, _, data in ancillary:
        descriptors.frombytes(data)
    return list(descriptors)


def _fork(descriptors: List[int]) -> Optional[int]:
    """Fork a worker with these descriptors, which are closed here. Raises OSError if it can't be forked.

    Returns the worker's process ID; None in the worker itself.
    """
    told, telling = os.pipe()
    waiting, going = os.pipe()
    between = os.fork()
    if between == 0:
        _fork_and_exit()
        _stand_alone(descriptors)
        os.write(telling, b"%d" % os.getpid())
        _close([told, telling, going])
        os.read(waiting, 1)
        os.close(waiting)
        return None
    _close([telling, waiting, *descriptors])
    pid = os.read(told, 32)
    os.waitpid(between, 0)
    _close([told, going])  # the worker is the conductor's child now, and may go on
    if not pid:
        raise OSError("no worker could be forked")
    return int(pid)


def _fork_and_exit() -> None:
    """Return in a child of this process, which exits, whether there is a child or not."""
    child = -1
    try:
        child = os.fork()
    finally:
        if child:
            os._exit(0)


def _stand_alone(descriptors: List[int]) -> None:
    """Start a session, as every child of the conductor does, and take the three descriptors."""
    os.setsid()
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)


def _close(descriptors: List[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
