"""The work of `qbench compat`: models, devices and stored runs in, one report out."""

from __future__ import annotations

from datetime import UTC, datetime

from harness import analysis, store
from harness.accelerators import rulebook
from harness.analysis.compat import CompatReport, Made, ReadModel, report, target
from harness.config import Config
from harness.devices import host
from harness.quantize import VariantSet
from harness.session import selection, variants
from harness.session.options import Options
from harness.session.watcher import Watcher
from harness.tflite import read_model_file
from harness.versions import oldest_limiting


def compat(options: Options, config: Config, watcher: Watcher) -> CompatReport:
    """Predict which ops of each variant each delegate will run, and add what stored runs have observed.

    Raises QbenchError.
    """
    installed = host.installed_runtimes()
    targets = [target(profile, installed) for profile in selection.devices(config, options)]
    runtimes = (runtime for t in targets if t.known_from != "assumed" for runtime in t.runtimes)
    models = variants.make_all(options, config, oldest_limiting(runtimes), watcher)
    stored = map(analysis.document, store.load_all(options.results))
    documents = [side for document in stored for side in analysis.apart(document)]
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    made = Made(at, host.describe(), rulebook.sha256())
    return report([read_variants(model) for model in models], targets, documents, made)


def read_variants(made: VariantSet) -> ReadModel:
    """Read the files of a model's variants. Raises ModelError."""
    pairs = tuple((one.variant, read_model_file(one.path)) for one in made.variants)
    return ReadModel(made.model, pairs, made.failed)
