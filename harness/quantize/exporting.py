"""Copy variants out of the cache: `qbench quantize --out`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import msgspec

from harness.errors import ModelError
from harness.quantize.variants import VariantSet
from harness.record import Variant
from harness.record.plain import plain_object


def export_variants(made: VariantSet, out: Path) -> list[Path]:
    """Copy every variant to `out` as <model>_<variant>.tflite, with its provenance beside it as .json.

    Signature and shape follow in the name where they were asked for: net_int8_serve_x=1x96x96x3.tflite.
    Files of these names are replaced. Returns the paths of the .tflite files. Raises ModelError if `out`
    cannot be written.
    """
    paths = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for one in made.variants:
            path = out / f"{_name(one.variant)}.tflite"
            shutil.copyfile(one.path, path)
            provenance = {**msgspec.to_builtins(one.variant), "source": made.model.source}
            text = json.dumps(plain_object(provenance), indent=2, sort_keys=True) + "\n"
            path.with_suffix(".json").write_text(text, encoding="utf-8")
            paths.append(path)
    except OSError as error:
        raise ModelError(f"--out {out}: cannot be written: {error.strerror or error}") from None
    return paths


def _name(variant: Variant) -> str:
    asked = [part for part in (variant.signature, variant.shape) if part is not None]
    return "_".join([variant.model, variant.name, *(re.sub(r"[^\w=,.-]", "_", part) for part in asked)])
