"""What a delegate took, read from an interpreter's own list of nodes."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..wire import OpGroup, Ops


def delegated_nodes(nodes: Sequence[Dict[str, Any]]) -> Set[int]:
    """Indices of the nodes that DELEGATE nodes stand for.

    `nodes` is Interpreter._get_ops_details(): every node of the primary subgraph, then one DELEGATE
    node per partition. Walking back from a DELEGATE node's outputs to its inputs gives what it took.
    """
    real = [node for node in nodes if node["op_name"] != "DELEGATE"]
    producer = {tensor: node for node in real for tensor in _ids(node["outputs"])}
    taken: Set[int] = set()
    for node in nodes:
        if node["op_name"] == "DELEGATE":
            taken |= _walk_back(_ids(node["outputs"]), set(_ids(node["inputs"])), producer)
    return taken


def read_ops(interpreter: Any, nodes: Optional[Sequence[Dict[str, Any]]] = None) -> Ops:
    """The ops the delegate took, as a count, and those it left; the reasons come from the rules at home.

    `nodes` are the interpreter's, by default as they are now.
    """
    if nodes is None:
        nodes = interpreter._get_ops_details()
    real = [node for node in nodes if node["op_name"] != "DELEGATE"]
    taken = delegated_nodes(nodes)
    dtypes, constant = _tensors(interpreter, real)
    left: Dict[Tuple[str, Tuple[str, ...]], List[int]] = {}
    for node in real:
        if node["index"] not in taken:
            kind = (node["op_name"], _signature(node, dtypes, constant))
            left.setdefault(kind, []).append(int(node["index"]))
    groups = [
        OpGroup(op=op, count=len(indices), dtypes=list(kinds), nodes=indices)
        for (op, kinds), indices in sorted(left.items())
    ]
    return Ops(
        total=len(real),
        delegated=len(real) - sum(map(len, left.values())),
        partitions=len(nodes) - len(real),
        not_delegated=groups,
    )


def _walk_back(outputs: Iterable[int], stop: Set[int], producer: Dict[int, Dict[str, Any]]) -> Set[int]:
    found: Set[int] = set()
    todo = [tensor for tensor in outputs if tensor not in stop]
    while todo:
        node = producer.get(todo.pop())
        if node is not None and node["index"] not in found:
            found.add(node["index"])
            todo.extend(tensor for tensor in _ids(node["inputs"]) if tensor not in stop)
    return found


def _tensors(interpreter: Any, nodes: Sequence[Dict[str, Any]]) -> Tuple[Dict[int, str], Set[int]]:
    """dtype of every tensor, and which are constants (made by no node and no input of the model)."""
    dtypes = {t["index"]: _dtype(t["dtype"]) for t in interpreter.get_tensor_details()}
    made = {tensor for node in nodes for tensor in _ids(node["outputs"])}
    made |= {t["index"] for t in interpreter.get_input_details()}
    return dtypes, set(dtypes) - made


def _signature(node: Dict[str, Any], dtypes: Dict[int, str], constant: Set[int]) -> Tuple[str, ...]:
    """The dtypes that decide whether an op can be taken: activations and, marked, constant weights."""
    inputs = [
        dtypes[t] + (" weights" if t in constant else "") for t in _ids(node["inputs"])[:2] if t in dtypes
    ]
    return tuple(inputs + [dtypes[t] for t in _ids(node["outputs"])[:1] if t in dtypes])


def _dtype(dtype: Any) -> str:
    return str(getattr(dtype, "__name__", dtype))


def _ids(tensors: Iterable[Any]) -> List[int]:
    """Tensor indices as ints; -1 stands for an optional input left out."""
    return [int(tensor) for tensor in tensors if int(tensor) >= 0]
