"""`delegates/` as one reproducible .pyz, named by its content."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import delegates

# The start script runs before the package is on any device, so it is the one file not in delegates/.
_START = b"from delegates.__main__ import main\n\nmain()\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say: the same files give the same bytes


@dataclass(frozen=True)
class Bundle:
    """The zipped package, and its SHA-256 in hex."""

    data: bytes
    sha256: str


def build() -> Bundle:
    """Zip every module of `delegates/`, in order and without the time of day."""
    folder = Path(delegates.__file__).parent
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("__main__.py"), _START)
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder).as_posix()
            archive.writestr(_entry(f"delegates/{name}"), path.read_bytes())
    data = buffer.getvalue()
    return Bundle(data, hashlib.sha256(data).hexdigest())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
