"""Pack `delegates/` into one reproducible .pyz, which is named by its content."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import delegates

# The start script of the .pyz: the only file that is not in delegates/.
_START = b"from delegates.__main__ import main\n\nmain()\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date in a zip; a fixed one makes the bundle reproducible


@dataclass(frozen=True)
class Bundle:
    """The zipped package, and its SHA-256 in hex."""

    data: bytes
    sha256: str


def build() -> Bundle:
    """Zip every module of `delegates/`, sorted by path and without modification times."""
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
