"""How a graph is cut where a delegate takes some ops and not others.

Source: PartitionGraphIntoIndependentNodeSubsets in graph_info.cc of google-ai-edge/LiteRT: walk the ops
in order again and again, putting into the current part whatever is ready and of its kind; when nothing
more fits, start the next part with whatever is ready then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.inspect import ModelInfo
from harness.predict import Verdict


def parts(model: ModelInfo, supported: Sequence[bool]) -> list[tuple[bool, list[int]]]:
    """(supported, indices of ops) of each part, in the order in which they run.

    An op that waits for a tensor which nothing makes belongs to no part.
    """
    made_by = {t for op in model.ops for t in op.outputs}
    ready = {t for op in model.ops for t in op.inputs} - made_by
    left = list(range(len(model.ops)))
    found: list[tuple[bool, list[int]]] = []
    while left:
        first = next((i for i in left if ready.issuperset(model.ops[i].inputs)), None)
        if first is None:
            break
        kind = supported[first]
        part = list(_grow(model, supported, kind, left, ready))
        taken = set(part)
        left = [i for i in left if i not in taken]
        found.append((kind, sorted(part)))
    return found


def _grow(
    model: ModelInfo, supported: Sequence[bool], kind: bool, left: Sequence[int], ready: set[int]
) -> Iterator[int]:
    """Ops of one kind as they become ready; their outputs are added to `ready`."""
    waiting = [i for i in left if supported[i] is kind]
    while True:
        now = []
        for i in waiting:
            if ready.issuperset(model.ops[i].inputs):
                ready.update(model.ops[i].outputs)
                now.append(i)
        if not now:
            return
        yield from now
        taken = set(now)
        waiting = [i for i in waiting if i not in taken]


def first_part(model: ModelInfo, supported: Sequence[bool]) -> set[int]:
    """The ops of the first supported part: all that a compiler of one subgraph keeps."""
    return set(next((ops for kind, ops in parts(model, supported) if kind), []))


def largest_part(model: ModelInfo, supported: Sequence[bool]) -> set[int]:
    """The ops of the largest supported part, the first of them where several are."""
    mine = [ops for kind, ops in parts(model, supported) if kind]
    return set(sorted(mine, key=len, reverse=True)[0]) if mine else set()


def kept(
    model: ModelInfo,
    verdicts: Sequence[Verdict],
    keep: Callable[[ModelInfo, Sequence[bool]], set[int]],
) -> list[Verdict]:
    """What becomes of each op where only one part is kept and some verdicts are uncertain.

    An op is taken, or not, where it comes out the same whichever way the uncertain ones turn out. They
    are tried all one way, all the other way and each kind by itself both ways; it is `uncertain` where
    these do not agree.
    """
    cases = [
        keep(model, [answer(i, v) for i, v in enumerate(verdicts)]) for answer in _answers(model, verdicts)
    ]
    everywhere, anywhere = set.intersection(*cases), set.union(*cases)
    return [
        Verdict.TAKEN if i in everywhere else Verdict.UNCERTAIN if i in anywhere else Verdict.LEFT
        for i in range(len(verdicts))
    ]


def _answers(model: ModelInfo, verdicts: Sequence[Verdict]) -> list[Callable[[int, Verdict], bool]]:
    """Ways to read the uncertain verdicts as yes or no."""
    doubtful = sorted({model.ops[i].name for i, v in enumerate(verdicts) if v is Verdict.UNCERTAIN})

    def reading(names: frozenset[str], inside: bool) -> Callable[[int, Verdict], bool]:
        def answer(index: int, verdict: Verdict) -> bool:
            if verdict is not Verdict.UNCERTAIN:
                return verdict is Verdict.TAKEN
            return (model.ops[index].name in names) is inside

        return answer

    chosen = [frozenset(doubtful), *(frozenset({name}) for name in doubtful)]
    return [reading(names, inside) for names in chosen for inside in (True, False)]
