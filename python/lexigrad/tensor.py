"""The tape: tensors that remember how they were computed, and the loop that goes back over it.

An operation computes its output with NumPy or a kernel, closes over the arrays that its gradient needs, and calls
``record``. That makes a node, which holds the closure and, for each input, the edge along which the input's gradient
goes: to the node and output that made the input, or to the leaf tensor itself. Nodes point backwards only, and to no
intermediate tensor: an array that no gradient needs is freed when its tensor is.
"""

import functools
import heapq
import inspect
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, Union, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lexigrad.sparse import SparseRows

Array = NDArray[Any]
Shape = tuple[int, ...]
Dim = int | Sequence[int] | None

_grad_enabled: ContextVar[bool] = ContextVar("grad_enabled", default=True)
_anomaly: ContextVar[bool] = ContextVar("anomaly", default=False)
_updates = 0  # how often leaves have been changed in place: see ``changed_in_place``


class Piece:
    """The gradient of an array that is zero but at ``index``, where it is ``value``: what indexing sends back.

    The tape adds it to the sum of gradients in place, so that T lookups in an array of T rows cost what T rows do.

    Attributes:
        index: what ``array[index]`` takes.
        value: an array of the shape of ``array[index]``.
        repeats: the index may name an element more than once.
    """

    __slots__ = ("index", "repeats", "value")

    def __init__(self, index: Any, value: Array, repeats: bool) -> None:
        self.index, self.value, self.repeats = index, value, repeats

    def add_to(self, array: Array) -> None:
        if not self.repeats:
            array[self.index] += self.value
        elif isinstance(self.index, np.ndarray):  # of rows: much faster than np.add.at
            indices = np.where(self.index < 0, self.index + len(array), self.index).reshape(-1)
            SparseRows(indices, self.value.reshape(-1, *array.shape[1:]), array.shape).add_to(array)
        else:
            np.add.at(array, self.index, self.value)


Operand = Union["Tensor", ArrayLike]  # of an operation
Gradient = Array | SparseRows | Piece
Edge = tuple["Node", int]  # an output of a node


class Backward(Protocol):
    """Takes the gradients of the outputs, returns those of the inputs; None for an input that has none."""

    def __call__(self, *gradients: Any) -> tuple[Gradient | None, ...]: ...


class Node:
    """One operation of the graph.

    Attributes:
        backward: the operation's gradient; None once backward has used it.
        edges: for each input the edge to the output it was, the leaf tensor that it is, or None: needs no gradient.
        order: 1 + the greatest order among the inputs' nodes.
        outputs: shape and dtype of each output.
        made: how many updates in place there had been.
        where: the line of the caller's program, where anomalies are looked for.
        digest: of the arrays that ``backward`` keeps, where anomalies are looked for; else None.
    """

    __slots__ = ("__weakref__", "backward", "digest", "edges", "made", "order", "outputs", "where")

    def __init__(
        self,
        backward: Backward,
        edges: "list[Edge | Tensor | None]",
        order: int,
        outputs: tuple[tuple[Shape, np.dtype[Any]], ...],
    ) -> None:
        self.backward: Backward | None = backward
        self.edges = edges
        self.order = order
        self.outputs = outputs
        self.made = _updates
        self.where = "recorded outside of detect_anomaly"
        self.digest: int | None = None

    @property
    def name(self) -> str:
        return "" if self.backward is None else operation_name(self.backward)


class Tensor:
    """An array of which gradients can be taken.

    Python numbers become float32; an array keeps its dtype (float64 serves for checks; float16 becomes float32) and
    is shared, not copied. Integers and booleans serve as indices, targets and masks and have no gradient.

    Operations on tensors that require gradients record themselves, unless ``no_grad`` is active. ``backward`` on the
    result adds the gradients to ``grad`` of the leaves: the tensors with ``requires_grad`` that no operation made.

    Attributes:
        data: the values, a NumPy array.
        grad: None, or the sum of the gradients so far: a NumPy array, C-contiguous, writeable, of the shape and dtype
            of ``data``, shared with nothing; or a ``SparseRows`` where all of it came from embedding lookups.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_changed", "_edge", "_requires_grad", "data", "grad")

    # NumPy's operators leave `array + tensor` to the tensor, and its functions refuse tensors.
    __array_ufunc__ = None

    def __init__(self, data: ArrayLike, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        """Wrap ``data``: a tensor, an array or nested numbers.

        Raises:
            TypeError: the data are not real numbers, or no floats and ``requires_grad``.
        """
        self.data: Array = as_array(data, dtype)
        self.grad: Array | SparseRows | None = None
        self._edge: Edge | None = None
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._edge is not None:
            raise RuntimeError(
                "requires_grad can be set on leaf tensors only, and an operation made this one: detach()"
            )
        if value and self.data.dtype.kind != "f":
            raise TypeError(f"only tensors of floats can require gradients, not of {self.data.dtype}")
        self._requires_grad = bool(value)
        self._changed = 0

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """No operation that records made it."""
        return self._edge is None

    @property
    def shape(self) -> Shape:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def dim(self) -> int:
        return self.data.ndim

    def numel(self) -> int:
        return self.data.size

    @overload
    def size(self) -> Shape: ...
    @overload
    def size(self, dim: int) -> int: ...
    def size(self, dim: int | None = None) -> Shape | int:
        """The shape, or the length of one axis."""
        return self.data.shape if dim is None else self.data.shape[dim]

    def numpy(self) -> Array:
        """The array itself, not a copy."""
        return self.data

    def item(self) -> Any:
        """The only element as a Python number; ValueError if there is not exactly one."""
        if self.data.size != 1:
            raise ValueError(f"item() needs a tensor of one element, not of shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        return self.data.tolist()

    def detach(self) -> "Tensor":
        """A tensor on the same array that no gradient goes through."""
        return tensor_of(self.data)

    def backward(self, gradient: "ArrayLike | Tensor | None" = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor with respect to each leaf to the leaf's ``grad``.

        The graph is freed on the way, so that only one backward can go over it, unless ``retain_graph`` is given.

        Args:
            gradient: of what is minimised with respect to this tensor, of its shape; 1 for a tensor of one element.

        Raises:
            RuntimeError: the tensor does not require a gradient; it has several elements and no ``gradient`` is
                given; a backward has used the graph before.
            ValueError: ``gradient`` has another shape.
            FloatingPointError: within ``detect_anomaly``, when an operation makes the first NaN or infinity.
        """
        if not self._requires_grad:
            raise RuntimeError(
                "this tensor does not require a gradient: nothing that it was computed from has requires_grad=True, "
                "or it was computed within no_grad"
            )
        if gradient is not None:
            seed = np.array(gradient.data if isinstance(gradient, Tensor) else gradient, self.data.dtype)
        elif self.data.size == 1:
            seed = np.ones_like(self.data)
        else:
            raise RuntimeError(
                f"backward() without a gradient needs a tensor of one element, not of shape {self.shape}: "
                "reduce it with sum() or mean(), or give the gradient"
            )
        if seed.shape != self.data.shape:
            raise ValueError(f"gradient must have shape {self.data.shape}, not {seed.shape}")
        if self._edge is None:
            if self.grad is None:
                self.grad = seed
            else:
                _add_to_leaf(self, self.grad, seed)
        else:
            _go_back(self._edge, seed, retain_graph)

    def __len__(self) -> int:
        return len(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __repr__(self) -> str:
        values = np.array2string(self.data, separator=", ", prefix="Tensor(")
        tracked = ", requires_grad=True" if self._requires_grad else ""
        return f"Tensor({values}, {self.data.dtype}{tracked})"

    if TYPE_CHECKING:  # lexigrad.ops puts these in place

        @property
        def T(self) -> "Tensor": ...
        @property
        def mT(self) -> "Tensor": ...
        def __add__(self, other: Operand) -> "Tensor": ...
        def __radd__(self, other: Operand) -> "Tensor": ...
        def __sub__(self, other: Operand) -> "Tensor": ...
        def __rsub__(self, other: Operand) -> "Tensor": ...
        def __mul__(self, other: Operand) -> "Tensor": ...
        def __rmul__(self, other: Operand) -> "Tensor": ...
        def __truediv__(self, other: Operand) -> "Tensor": ...
        def __rtruediv__(self, other: Operand) -> "Tensor": ...
        def __pow__(self, other: Operand) -> "Tensor": ...
        def __rpow__(self, other: Operand) -> "Tensor": ...
        def __matmul__(self, other: Operand) -> "Tensor": ...
        def __rmatmul__(self, other: Operand) -> "Tensor": ...
        def __neg__(self) -> "Tensor": ...
        def __abs__(self) -> "Tensor": ...
        def __lt__(self, other: Operand) -> "Tensor": ...
        def __le__(self, other: Operand) -> "Tensor": ...
        def __gt__(self, other: Operand) -> "Tensor": ...
        def __ge__(self, other: Operand) -> "Tensor": ...
        def __eq__(self, other: Operand) -> "Tensor": ...  # type: ignore[override]
        def __ne__(self, other: Operand) -> "Tensor": ...  # type: ignore[override]
        def __getitem__(self, index: Any) -> "Tensor": ...
        def __iter__(self) -> "Iterator[Tensor]": ...
        def exp(self) -> "Tensor": ...
        def log(self) -> "Tensor": ...
        def sqrt(self) -> "Tensor": ...
        def tanh(self) -> "Tensor": ...
        def sigmoid(self) -> "Tensor": ...
        def relu(self) -> "Tensor": ...
        def abs(self) -> "Tensor": ...
        def pow(self, exponent: Operand) -> "Tensor": ...
        def clip(self, min: Operand | None = None, max: Operand | None = None) -> "Tensor": ...
        def clamp(self, min: Operand | None = None, max: Operand | None = None) -> "Tensor": ...
        def matmul(self, other: Operand) -> "Tensor": ...
        def sum(self, dim: Dim = None, keepdim: bool = False) -> "Tensor": ...
        def mean(self, dim: Dim = None, keepdim: bool = False) -> "Tensor": ...
        def amax(self, dim: Dim = None, keepdim: bool = False) -> "Tensor": ...
        def amin(self, dim: Dim = None, keepdim: bool = False) -> "Tensor": ...
        @overload
        def max(self, dim: None = None, keepdim: bool = False) -> "Tensor": ...
        @overload
        def max(self, dim: int, keepdim: bool = False) -> "tuple[Tensor, Tensor]": ...
        def max(self, dim: Any = None, keepdim: bool = False) -> Any: ...
        @overload
        def min(self, dim: None = None, keepdim: bool = False) -> "Tensor": ...
        @overload
        def min(self, dim: int, keepdim: bool = False) -> "tuple[Tensor, Tensor]": ...
        def min(self, dim: Any = None, keepdim: bool = False) -> Any: ...
        def var(self, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> "Tensor": ...
        def logsumexp(self, dim: Dim = None, keepdim: bool = False) -> "Tensor": ...
        def argmax(self, dim: int | None = None, keepdim: bool = False) -> "Tensor": ...
        def argmin(self, dim: int | None = None, keepdim: bool = False) -> "Tensor": ...
        def softmax(self, dim: int = -1) -> "Tensor": ...
        def log_softmax(self, dim: int = -1) -> "Tensor": ...
        def reshape(self, *shape: "int | Sequence[int]") -> "Tensor": ...
        def view(self, *shape: "int | Sequence[int]") -> "Tensor": ...
        def contiguous(self) -> "Tensor": ...
        def flatten(self, start_dim: int = 0, end_dim: int = -1) -> "Tensor": ...
        def transpose(self, dim0: int, dim1: int) -> "Tensor": ...
        def swapaxes(self, dim0: int, dim1: int) -> "Tensor": ...
        def permute(self, *dims: "int | Sequence[int]") -> "Tensor": ...
        def squeeze(self, dim: int | None = None) -> "Tensor": ...
        def unsqueeze(self, dim: int) -> "Tensor": ...
        def broadcast_to(self, *shape: "int | Sequence[int]") -> "Tensor": ...
        def split(self, sizes: "int | Sequence[int]", dim: int = 0) -> "tuple[Tensor, ...]": ...
        def masked_fill(self, mask: Operand, value: float) -> "Tensor": ...

    __hash__ = object.__hash__

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self._requires_grad:
            raise TypeError("NumPy cannot record operations on a tensor that requires a gradient: use .numpy()")
        return np.array(self.data, dtype, copy=bool(copy)) if copy else np.asarray(self.data, dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self._edge is not None:
            raise RuntimeError("only leaf tensors can be copied with their place in the graph: copy detach()")
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        copied.data, copied._edge, copied._requires_grad = self.data.copy(), None, self._requires_grad
        copied.grad, copied._changed = None, 0
        return copied


def as_array(data: Any, dtype: DTypeLike | None = None) -> Array:
    """The values of a tensor, an array or nested numbers as the array that a tensor holds."""
    if isinstance(data, Tensor):
        array = data.data
    else:
        array = np.asarray(data)
        if array.dtype == np.float64 and not isinstance(data, np.ndarray | np.float64):
            array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"a tensor holds real numbers, not {array.dtype}")
    if dtype is None:
        dtype = np.float32 if array.dtype == np.float16 else array.dtype
    native = np.dtype(dtype).newbyteorder("=")
    return array if array.dtype == native and type(array) is np.ndarray else np.asarray(array, native)


def as_dense(gradient: Array | SparseRows) -> Array:
    """A leaf's gradient as an array."""
    return gradient.dense() if isinstance(gradient, SparseRows) else gradient


def tensor_of(data: Array, edge: Edge | None = None) -> Tensor:
    """A tensor around an array that needs no conversion."""
    tensor = _new(Tensor)
    tensor.data = data
    tensor.grad = None
    tensor._edge = edge
    tensor._requires_grad = edge is not None
    return tensor


_new = Tensor.__new__


@overload
def record(outputs: Array, inputs: Sequence[Tensor], backward: Backward) -> Tensor: ...
@overload
def record(outputs: tuple[Array, ...], inputs: Sequence[Tensor], backward: Backward) -> tuple[Tensor, ...]: ...
def record(
    outputs: Array | tuple[Array, ...], inputs: Sequence[Tensor], backward: Backward
) -> Tensor | tuple[Tensor, ...]:
    """Make tensors of what an operation computed, and a node of the graph if any input requires a gradient.

    Args:
        outputs: an array, or a tuple of arrays; all of floats.
        inputs: the tensors that gradients go to.
        backward: takes one gradient for each output, in their order, each a dense array of the output's shape and
            dtype, zeros for an output that had none. Returns a tuple with the gradient of each input, in their
            order: of the input's shape (the tape casts it to the input's dtype), dense, ``SparseRows`` or
            ``Piece``, or None where there is none or the input does not require it.

            It closes over arrays, never over output tensors; writes neither to its arguments nor to what it has
            returned; and returns no array that it keeps. It may return its arguments, views of anything and the same
            array several times: the tape sees that, and adds up without changing them.

            The enclosing function's name is the operation's, in drawings and messages.

    Returns:
        A tensor for an array, a tuple of tensors for a tuple.
    """
    order = -1
    edges: list[Edge | Tensor | None] = []
    if _grad_enabled.get():
        for tensor in inputs:
            if tensor._requires_grad:
                edge = tensor._edge
                if edge is None:
                    edges.append(tensor)
                    if order < 0:
                        order = 0
                else:
                    edges.append(edge)
                    if edge[0].order > order:
                        order = edge[0].order
            else:
                edges.append(None)
    if type(outputs) is tuple:
        arrays = tuple(output if type(output) is np.ndarray else np.asarray(output) for output in outputs)
        described = tuple((array.shape, array.dtype) for array in arrays)
    else:
        array = outputs if type(outputs) is np.ndarray else np.asarray(outputs)
        arrays = (array,)
        described = ((array.shape, array.dtype),)
    node = Node(backward, edges, order + 1, described) if order >= 0 else None
    if _anomaly.get():
        _check_forward(operation_name(backward), arrays, inputs)
        if node is not None:
            node.where, node.digest = _caller(), _digest(backward)
    if type(outputs) is not tuple:
        return tensor_of(array, None if node is None else (node, 0))
    if node is None:
        return tuple([tensor_of(array) for array in arrays])
    return tuple([tensor_of(array, (node, slot)) for slot, array in enumerate(arrays)])


def operation_name(backward: Backward) -> str:
    """The name of the function that a gradient was written in."""
    path = str(getattr(backward, "__qualname__", type(backward).__name__)).split(".")
    named = [part for part in path if part != "<locals>"]
    return named[max(0, len(named) - 2)]


class _Waiting:
    """The nodes that wait for backward, and the sums of the gradients of their outputs so far."""

    __slots__ = ("count", "heap", "owned", "sums")

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Node]] = []
        self.count = 0
        self.sums: dict[Node, list[Array | SparseRows | None]] = {}
        self.owned: set[Edge] = set()  # outputs whose sum was made here, so that it may be added to in place

    def add(self, edge: Edge, gradient: Gradient) -> None:
        """Add to the gradient of an output; the first time, have its node wait."""
        node, slot = edge
        shape, dtype = node.outputs[slot]
        if type(gradient) is not np.ndarray or gradient.dtype is not dtype or gradient.shape != shape:
            gradient = _fitted(gradient, shape, dtype)
        sums = self.sums.get(node)
        if sums is None:
            sums = self.sums[node] = [None] * len(node.outputs)
            self.count += 1
            heapq.heappush(self.heap, (-node.order, self.count, node))
        total = sums[slot]
        if total is None and not isinstance(gradient, Piece):
            sums[slot] = gradient
            return
        made_here = total is None or edge in self.owned
        sums[slot] = _sum(np.zeros(shape, dtype) if total is None else total, gradient, made_here)
        self.owned.add(edge)

    def pop(self) -> tuple[Node, list[Array]]:
        """A node of the greatest order, after all that used its outputs, and their gradients: dense."""
        node = heapq.heappop(self.heap)[2]
        sums: list[Any] = self.sums.pop(node)
        for slot, total in enumerate(sums):
            if type(total) is not np.ndarray:
                sums[slot] = np.zeros(*node.outputs[slot]) if total is None else total.dense()
        return node, sums


def _go_back(root: Edge, seed: Array, retain_graph: bool) -> None:
    """Run the nodes that the root was computed from, by falling order."""
    waiting, anomaly = _Waiting(), _anomaly.get()
    waiting.add(root, seed)
    while waiting.heap:
        node, arguments = waiting.pop()
        if node.backward is None:
            raise RuntimeError(
                "backward has been over this part of the graph before, and freed it: compute the loss again, or give "
                "retain_graph=True to every backward but the last"
            )
        if anomaly and node.digest is not None and node.digest != _digest(node.backward):
            raise RuntimeError(f"an array that backward of {node.name} ({node.where}) needs was changed in place")
        edges, results = node.edges, node.backward(*arguments)
        if type(results) is not tuple or len(results) != len(edges):
            raise TypeError(
                f"backward of {node.name} must return a tuple of {len(edges)} gradients, not {results!r:.80}"
            )
        if anomaly:
            _check_backward(node, arguments, results)
        for edge, gradient in zip(edges, results):  # noqa: B905
            if edge is None or gradient is None:
                continue
            if type(edge) is tuple:
                waiting.add(edge, gradient)
                continue
            if edge._changed > node.made and _keeps(node.backward, edge.data):  # type: ignore[union-attr]
                raise RuntimeError(
                    f"{node.name} needs a parameter of shape {edge.shape} as it was, and an optimiser has changed it "  # type: ignore[union-attr]
                    "since: call backward before step(), or compute the loss again"
                )
            if (total := edge.grad) is None:  # type: ignore[union-attr]
                _start_leaf(edge, gradient, _is_fresh(gradient, arguments, results))  # type: ignore[arg-type]
            else:
                _add_to_leaf(edge, total, gradient)  # type: ignore[arg-type]
        if not retain_graph:
            node.backward, node.edges = None, []
        del node, edges, arguments, results, edge, gradient


def _fitted(gradient: Gradient, shape: Shape, dtype: np.dtype[Any]) -> Gradient:
    """The gradient in the dtype of what it belongs to, which it must have the shape of."""
    if type(gradient) is Piece:
        return gradient
    if gradient.shape != shape:  # type: ignore[union-attr]
        raise ValueError(f"an operation gave a gradient of shape {gradient.shape} to an input of shape {shape}")  # type: ignore[union-attr]
    if type(gradient) is np.ndarray and gradient.dtype == dtype:
        return gradient
    if isinstance(gradient, SparseRows):
        return gradient if gradient.dtype == dtype else gradient.astype(dtype)
    return np.asarray(gradient, dtype)


def _sum(total: Array | SparseRows, gradient: Gradient, in_place: bool) -> Array | SparseRows:
    """The sum of gradients, in ``total`` if that is allowed and possible, else in an array of its own."""
    if isinstance(total, SparseRows):
        if isinstance(gradient, SparseRows):
            return total + gradient
        total = total.dense()
    elif not in_place:
        total = total.copy()
    if isinstance(gradient, np.ndarray):
        return np.add(total, gradient, out=total)
    gradient.add_to(total)
    return total


def _is_fresh(gradient: Gradient, arguments: list[Array], results: tuple[Gradient | None, ...]) -> bool:
    """Whether a returned gradient is an array that nothing else has to do with."""
    array = gradient.rows if isinstance(gradient, SparseRows) else gradient
    if type(array) is not np.ndarray or not array.flags.carray:
        return False
    if array.base is not None and type(array.base).__name__ != "PyCapsule":  # a kernel's output owns its memory so
        return False
    return sum(other is gradient for other in results) == 1 and not any(other is array for other in arguments)


def _start_leaf(leaf: Tensor, gradient: Gradient, fresh: bool) -> None:
    """Make the gradient of a leaf: from the gradient itself if that is fresh, else from a copy."""
    data = leaf.data
    fitted = _fitted(gradient, data.shape, data.dtype)
    if isinstance(fitted, Piece):
        leaf.grad = _sum(np.zeros(data.shape, data.dtype), fitted, True)
    elif isinstance(fitted, SparseRows):
        leaf.grad = fitted if fresh else SparseRows(fitted.indices, fitted.rows.copy(), fitted.shape)
    else:
        leaf.grad = fitted if fresh and fitted is gradient else np.array(fitted, order="C")


def _add_to_leaf(leaf: Tensor, total: Array | SparseRows, gradient: Gradient) -> None:
    """Add to the gradient ``total`` that a leaf has."""
    fitted = _fitted(gradient, leaf.data.shape, leaf.data.dtype)
    leaf.grad = _sum(total, fitted, isinstance(total, SparseRows) or total.flags.writeable)


def changed_in_place(leaves: Iterable[Tensor]) -> None:
    """Tell the tape that the arrays of leaves have been written into, as an optimiser does.

    Graphs that need them as they were then refuse to go backward. (What is written into ``data`` by hand, as into
    PyTorch's ``data``, goes unnoticed, but by ``detect_anomaly``.)
    """
    global _updates
    _updates += 1
    for leaf in leaves:
        leaf._changed = _updates


def _kept(value: Any) -> Iterator[Array]:
    """The arrays that a gradient function closes over, those in lists and tuples too."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _kept(part)


def _closed_over(backward: Backward | None) -> Iterator[Array]:
    for cell in getattr(backward, "__closure__", None) or ():
        yield from _kept(cell.cell_contents)


def _keeps(backward: Backward | None, array: Array) -> bool:
    """Whether a gradient is computed from this array, or a view of it."""
    return any(np.may_share_memory(array, kept) for kept in _closed_over(backward))


def _digest(backward: Backward | None) -> int:
    """A checksum of all that a gradient function keeps."""
    digest = 0
    for array in _closed_over(backward):
        digest = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"", digest)
    return digest


def is_grad_enabled() -> bool:
    """Whether operations record themselves: outside of ``no_grad``."""
    return _grad_enabled.get()


_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Switch:
    """A context manager, and a decorator, that sets a context variable for a while."""

    __slots__ = ("_tokens",)
    _variable: ContextVar[bool]
    _value: bool

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> Self:
        self._tokens.append(self._variable.set(self._value))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._variable.reset(self._tokens.pop())

    def __call__(self, function: _Function) -> _Function:
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{type(self).__name__} cannot decorate {function.__qualname__}: use it in a with statement"
            )

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return switched  # type: ignore[return-value]


class no_grad(_Switch):
    """Within it operations do not record themselves; for one thread or task, as a context variable.

    >>> with no_grad():
    ...     y = model(x)

    ``@no_grad()`` does the same for each call of a function.
    """

    __slots__ = ()
    _variable = _grad_enabled
    _value = False


class enable_grad(_Switch):
    """Within it operations record themselves, within ``no_grad`` too."""

    __slots__ = ()
    _variable = _grad_enabled
    _value = True


class detect_anomaly(_Switch):
    """Within it the operation that makes the first NaN or infinity, in the forward pass or in backward, is named.

    Each operation's outputs are looked through, and each gradient: it costs time. An operation is blamed that makes
    NaN from inputs without, or an infinity from finite inputs; so is a tensor that brings NaN in. An infinity that a
    tensor brings in, as a mask does, is allowed.

    An array that a gradient needs and that was written into after the forward pass is noticed as well: a buffer that a
    tensor shares and that is filled anew, for example.

    Raises:
        FloatingPointError: an operation made, or was given, such a value.
        RuntimeError: an array that backward needs was changed in place.

    >>> with detect_anomaly():
    ...     loss = model(x)
    ...     loss.backward()
    """

    __slots__ = ()
    _variable = _anomaly
    _value = True


def _check_forward(name: str, outputs: tuple[Array, ...], inputs: Sequence[Tensor]) -> None:
    arrays = [tensor.data for tensor in inputs]
    for position, array in enumerate(arrays):
        if _has_nan(array):
            raise FloatingPointError(f"{name} was given NaN: input {position} of shape {array.shape} {_place(array)}")
    finite = all(_is_finite(array) for array in arrays)
    for position, output in enumerate(outputs):
        if _has_nan(output) or (finite and not _is_finite(output)):
            raise FloatingPointError(f"{name} made the first {_place(output)} of output {position}, {_shapes(arrays)}")


def _check_backward(node: Node, arguments: list[Array], results: tuple[Gradient | None, ...]) -> None:
    for argument in arguments:
        if not _is_finite(argument):
            raise FloatingPointError(f"backward of {node.name} ({node.where}) was given {_place(argument)}")
    for position, result in enumerate(results):
        values = _values(result)
        if not _is_finite(values):
            raise FloatingPointError(
                f"backward of {node.name} ({node.where}) made the first {_place(values)} "
                f"of the gradient of input {position}, {_shapes(arguments, 'gradients')}"
            )


def _values(gradient: Gradient | None) -> Array:
    if gradient is None:
        return np.empty(0)
    if isinstance(gradient, SparseRows):
        return gradient.rows
    return gradient.value if isinstance(gradient, Piece) else np.asarray(gradient)


def _is_finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _has_nan(array: Array) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def _place(array: Array) -> str:
    """The first value that is no finite number, and its index."""
    first = int(np.isfinite(array).reshape(-1).argmin())
    index = tuple(int(i) for i in np.unravel_index(first, array.shape))
    return f"{array[index]} at {index}"


def _shapes(arrays: Sequence[Array], what: str = "inputs") -> str:
    return f"from {what} of shapes {', '.join(str(array.shape) for array in arrays)}"


_PACKAGE = os.path.dirname(__file__) + os.sep


def _caller() -> str:
    """The line of the program outside of this package that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
