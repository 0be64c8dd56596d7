"""Find out which ops were delegated, by an interpreter's list of nodes."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..wire import OpGroup, Ops


def delegated_nodes(nodes: Sequence[Dict[str, Any]]) -> Set[int]:
    """Return indices of the nodes that DELEGATE nodes stand for.

    `nodes` is Interpreter._get_ops_details(): every node of the primary subgraph, then one DELEGATE node
    per partition. A partition's nodes are those between the inputs and the outputs of its DELEGATE node.
    """
    real = [node for node in nodes if node["op_name"] != "DELEGATE"]
    producer = {tensor: node for node in real for tensor in _ids(node["outputs"])}
    delegated: Set[int] = set()
    for node in nodes:
        if node["op_name"] == "DELEGATE":
            delegated |= _walk_back(_ids(node["outputs"]), set(_ids(node["inputs"])), producer)
    return delegated


def read_ops(interpreter: Any, nodes: Optional[Sequence[Dict[str, Any]]] = None) -> Ops:
    """Return how many ops were delegated, and which were not. Home adds the reasons.

    nodes: of the interpreter; by default its current ones.
    """
    if nodes is None:
        nodes = interpreter._get_ops_details()
    real = [node for node in nodes if node["op_name"] != "DELEGATE"]
    delegated = delegated_nodes(nodes)
    dtypes, constant = _tensors(interpreter, real)
    remaining: Dict[Tuple[str, Tuple[str, ...]], List[int]] = {}
    for node in real:
        if node["index"] not in delegated:
            kind = (node["op_name"], _signature(node, dtypes, constant))
            remaining.setdefault(kind, []).append(int(node["index"]))
    groups = [
        OpGroup(op=op, count=len(indices), dtypes=list(kinds), nodes=indices)
        for (op, kinds), indices in sorted(remaining.items())
    ]
    return Ops(
        total=len(real),
        delegated=len(real) - sum(map(len, remaining.values())),
        partitions=len(nodes) - len(real),
        not_delegated=groups,
    )


def _walk_back(outputs: Iterable[int], stop: Set[int], producer: Dict[int, Dict[str, Any]]) -> Set[int]:
    """Return indices of the nodes that lead to the tensors `outputs`, up to the tensors `stop`."""
    found: Set[int] = set()
    todo = [tensor for tensor in outputs if tensor not in stop]
    while todo:
        node = producer.get(todo.pop())
        if node is not None and node["index"] not in found:
            found.add(node["index"])
            todo.extend(tensor for tensor in _ids(node["inputs"]) if tensor not in stop)
    return found


def _tensors(interpreter: Any, nodes: Sequence[Dict[str, Any]]) -> Tuple[Dict[int, str], Set[int]]:
    """Return all tensors' dtypes, and the constants: neither inputs nor outputs of a node."""
    dtypes = {t["index"]: _dtype(t["dtype"]) for t in interpreter.get_tensor_details()}
    made = {tensor for node in nodes for tensor in _ids(node["outputs"])}
    made |= {t["index"] for t in interpreter.get_input_details()}
    return dtypes, set(dtypes) - made


def _signature(node: Dict[str, Any], dtypes: Dict[int, str], constant: Set[int]) -> Tuple[str, ...]:
    """Return the dtypes of an op's activations and weights, which decide whether it can be delegated."""
    inputs = [
        dtypes[t] + (" weights" if t in constant else "") for t in _ids(node["inputs"])[:2] if t in dtypes
    ]
    return tuple(inputs + [dtypes[t] for t in _ids(node["outputs"])[:1] if t in dtypes])


def _dtype(dtype: Any) -> str:
    return str(getattr(dtype, "__name__", dtype))


def _ids(tensors: Iterable[Any]) -> List[int]:
    """Tensor indices as ints, without -1, which stands for an optional input that is not there."""
    return [int(tensor) for tensor in tensors if int(tensor) >= 0]
