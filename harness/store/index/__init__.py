"""The index of a folder of runs: derived, disposable, rebuilt when in doubt.

It makes lists of thousands of runs quick. Everything in it is read from the records again if it is lost; the
figures of cells are put in from outside, with the version of what derived them.
"""

from harness.store.index.entries import CellEntry, MachineEntry, RunEntry, cell_entry
from harness.store.index.file import FILE, using
from harness.store.index.filters import CellFilter, RunFilter
from harness.store.index.scan import Scan, fingerprint, scan
from harness.store.index.tables import Index

__all__ = [
    "FILE",
    "CellEntry",
    "CellFilter",
    "Index",
    "MachineEntry",
    "RunEntry",
    "RunFilter",
    "Scan",
    "cell_entry",
    "fingerprint",
    "scan",
    "using",
]
