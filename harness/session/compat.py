"""What `qbench compat` is about: models, devices and stored runs in, one report out."""

from __future__ import annotations

from harness import analysis, store
from harness.analysis.compat import report, targets
from harness.config import Config
from harness.record.compat import CompatReport
from harness.session import runtimes, selection, variants
from harness.session.options import Options
from harness.session.watcher import Watcher


def compat(options: Options, config: Config, watcher: Watcher) -> CompatReport:
    """Predict what each delegate will run of each variant, beside what stored runs have observed.

    Raises QbenchError.
    """
    wanted = [targets.target(profile) for profile in selection.devices(config, options)]
    known = (runtime for t in wanted if t.known_from != "assumed" for runtime in t.runtimes)
    models = variants.make_all(options, config, runtimes.oldest(known), watcher)
    runs = [analysis.document(run) for run in store.load_all(options.results)]
    return report(models, wanted, runs)
