"""Split a graph into parts of ops that a delegate supports and parts of ops that it does not.

Source: PartitionGraphIntoIndependentNodeSubsets in graph_info.cc of google-ai-edge/LiteRT: add every op of
the current kind whose inputs are ready to the current part; when none is left, start a part of the other
kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.accelerators.prediction import Verdict
from harness.tflite import ModelInfo

_MOST_SINGLE = 64  # uncertain ops that are flipped one by one


def parts(model: ModelInfo, supported: Sequence[bool]) -> list[tuple[bool, list[int]]]:
    """Return (supported, indices of ops) of each part, in the order in which they run.

    An op that waits for a tensor that no op computes belongs to no part.
    """
    waiting, users = _needs(model)
    ready: dict[bool, list[int]] = {False: [], True: []}
    for i, needs in enumerate(waiting):
        if not needs:
            ready[supported[i]].append(i)
    found: list[tuple[bool, list[int]]] = []
    kind = supported[min(ready[False] + ready[True])] if ready[False] or ready[True] else False
    while ready[kind]:  # when a part ends, all ready ops are of the other kind
        part = []
        while ready[kind]:
            part.append(ready[kind].pop())
            for user in _released(model.ops[part[-1]].outputs, waiting, users):
                ready[supported[user]].append(user)
        found.append((kind, sorted(part)))
        kind = not kind
    return found


def _needs(model: ModelInfo) -> tuple[list[set[int]], dict[int, list[int]]]:
    """Return the tensors that each op waits for, and the ops that wait for each tensor."""
    made = {t for op in model.ops for t in op.outputs}
    waiting = [made.intersection(op.inputs) for op in model.ops]
    users: dict[int, list[int]] = {}
    for i, needs in enumerate(waiting):
        for tensor in needs:
            users.setdefault(tensor, []).append(i)
    return waiting, users


def _released(
    tensors: Sequence[int], waiting: Sequence[set[int]], users: Mapping[int, Sequence[int]]
) -> Iterator[int]:
    """Yield the ops that wait for nothing more once `tensors` are computed."""
    for tensor in tensors:
        for user in users.get(tensor, ()):
            if tensor in waiting[user]:
                waiting[user].remove(tensor)
                if not waiting[user]:
                    yield user


def first_part(model: ModelInfo, supported: Sequence[bool]) -> set[int]:
    """Return the ops of the first supported part: all that a compiler of one subgraph keeps."""
    return set(next((ops for kind, ops in parts(model, supported) if kind), []))


def largest_part(model: ModelInfo, supported: Sequence[bool]) -> set[int]:
    """Return the ops of the largest supported part; of several, the first."""
    mine = [ops for kind, ops in parts(model, supported) if kind]
    return set(sorted(mine, key=len, reverse=True)[0]) if mine else set()


def kept(
    model: ModelInfo,
    verdicts: Sequence[Verdict],
    keep: Callable[[ModelInfo, Sequence[bool]], set[int]],
) -> list[Verdict]:
    """Return the verdicts once only one part is kept, where some verdicts are uncertain.

    An op is certain if its result does not depend on the uncertain ones. Not all combinations of them are
    computed: all one way, all the other way, and each kind and each of the first 64 ops flipped by itself.
    """
    cases = [
        keep(model, [answer(i, v) for i, v in enumerate(verdicts)]) for answer in _answers(model, verdicts)
    ]
    everywhere, anywhere = set.intersection(*cases), set.union(*cases)
    return [
        Verdict.DELEGATED
        if i in everywhere
        else Verdict.UNCERTAIN
        if i in anywhere
        else Verdict.NOT_DELEGATED
        for i in range(len(verdicts))
    ]


def _answers(model: ModelInfo, verdicts: Sequence[Verdict]) -> list[Callable[[int, Verdict], bool]]:
    """Return ways to read the uncertain verdicts as yes or no."""
    doubtful = [i for i, v in enumerate(verdicts) if v is Verdict.UNCERTAIN]
    kinds: dict[str, list[int]] = {}
    for i in doubtful:
        kinds.setdefault(model.ops[i].name, []).append(i)

    def reading(chosen: frozenset[int], inside: bool) -> Callable[[int, Verdict], bool]:
        def answer(index: int, verdict: Verdict) -> bool:
            if verdict is not Verdict.UNCERTAIN:
                return verdict is Verdict.DELEGATED
            return (index in chosen) is inside

        return answer

    groups = {frozenset(doubtful), *map(frozenset, kinds.values())}
    groups |= {frozenset({i}) for i in doubtful[:_MOST_SINGLE]}
    return [reading(group, inside) for group in groups for inside in (True, False)]
