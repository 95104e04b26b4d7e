"""What every layer and model is: parameters, buffers and layers within layers, by name."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.tensor import Array, Tensor, as_array, changed_in_place


class Parameter(Tensor):
    """A tensor that a module learns. Its array is writeable and C-contiguous, for optimisers write into it."""

    __slots__ = ()

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = True) -> None:
        super().__init__(np.require(as_array(data), requirements=["C", "W"]), requires_grad)


class LoadedKeys(NamedTuple):
    """What ``load_state_dict`` did not find, and what it had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """A layer or model: write ``forward``, and set parameters and modules as attributes.

    Attributes that are a ``Parameter`` or a ``Module`` belong to the module, and so do tensors that
    ``register_buffer`` names: they are saved, but not learnt. Lists of modules go into a ``ModuleList``.

    Attributes:
        training: what ``train`` and ``eval`` set (default True); dropout works in training alone.

    >>> class Classifier(Module):
    ...     def __init__(self):
    ...         self.hidden, self.output = Linear(20, 50), Linear(50, 2)
    ...     def forward(self, x):
    ...         return self.output(self.hidden(x).tanh())
    """

    training: bool = True
    _buffers: tuple[str, ...] = ()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a method forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def register_buffer(self, name: str, tensor: ArrayLike | Tensor) -> None:
        """Set a tensor, or an array as one, as the attribute ``name`` that is saved, but is no parameter."""
        if name not in self._buffers:
            self._buffers = (*self._buffers, name)
        setattr(self, name, tensor if isinstance(tensor, Tensor) else Tensor(tensor))

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly within this one."""
        return ((name, value) for name, value in list(vars(self).items()) if isinstance(value, Module))

    def children(self) -> Iterator["Module"]:
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """This module, whose name is "", and all within it; one that occurs twice once."""
        seen: set[int] = set()
        for name, module in self._walk(prefix):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator["Module"]:
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters with names such as "encoder.0.weight"; one that several modules share once."""
        seen: set[int] = set()
        for name, tensor in self._named_tensors(prefix):
            if isinstance(tensor, Parameter) and id(tensor) not in seen:
                seen.add(id(tensor))
                yield name, tensor

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        return ((name, tensor) for name, tensor in self._named_tensors(prefix) if not isinstance(tensor, Parameter))

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and in all modules within."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Have all parameters learnt, or frozen."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def apply(self, function: Callable[["Module"], Any]) -> Self:
        """Call the function with each module, the innermost first and this one last."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    def float(self) -> Self:
        """Make all parameters and buffers of floats float32."""
        return self._convert(np.float32)

    def double(self) -> Self:
        """Make all parameters and buffers of floats float64, as ``gradcheck`` needs."""
        return self._convert(np.float64)

    def state_dict(self) -> dict[str, Array]:
        """All parameters and buffers by name: the arrays themselves, not copies."""
        return {name: tensor.data for name, tensor in self._named_tensors("")}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """Copy values into the parameters and buffers of the same names; all of them, or, with an error, none.

        Args:
            state_dict: arrays, tensors or PyTorch's tensors by name. They are cast to the dtypes here.
            strict: a name that is missing or unexpected is an error.

        Returns:
            ``missing_keys`` and ``unexpected_keys``, both empty if strict.

        Raises:
            TypeError: the state is no mapping.
            ValueError: names are missing or unexpected, or a shape differs; the message lists all of them.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict must map names to arrays, not be a {type(state_dict).__name__}")
        tensors = dict(self._named_tensors(""))
        given = {name: _values(name, value) for name, value in state_dict.items()}
        found = {id(tensors[name]) for name in given if name in tensors}  # a shared one may have been saved once
        missing = [name for name, tensor in tensors.items() if name not in given and id(tensor) not in found]
        unexpected = [name for name in given if name not in tensors]
        wrong = [
            f"{name} must have shape {tensors[name].shape}, not {array.shape}"
            for name, array in given.items()
            if name in tensors and array.shape != tensors[name].shape
        ]
        if strict:
            wrong = [f"missing: {', '.join(missing)}"] * bool(missing) + wrong
            wrong = [f"unexpected: {', '.join(unexpected)}"] * bool(unexpected) + wrong
        if wrong:
            raise ValueError(f"the state does not fit {type(self).__name__}: {'; '.join(wrong)}")
        for name, array in given.items():
            if name in tensors:
                tensors[name].data[...] = array
        changed_in_place(tensors.values())
        return LoadedKeys(missing, unexpected)

    def save(self, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None) -> None:
        """Write the state to a safetensors file, which PyTorch's users can read; atomic.

        Args:
            metadata: anything that JSON can hold, stored beside the arrays.
        """
        write_safetensors(path, self.state_dict(), metadata or {})

    def load(self, path: str | os.PathLike[str], strict: bool = True) -> LoadedKeys:
        """Read the state from a safetensors file: one that ``save`` wrote, or that holds a PyTorch state_dict.

        Raises:
            ValueError: the file is malformed, or its arrays do not fit (see ``load_state_dict``); the message names it.
        """
        arrays, _ = read_safetensors(path)
        try:
            return self.load_state_dict(arrays, strict)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None

    def extra_repr(self) -> str:
        """What stands in the brackets of ``repr``."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self.named_children()]
        inside = "".join(f"\n  {line}" for line in [*filter(None, [self.extra_repr()]), *lines]) + "\n"
        return f"{type(self).__name__}({inside if lines else self.extra_repr()})"

    def _walk(self, prefix: str) -> Iterator[tuple[str, "Module"]]:
        """This module and all within, as often as they occur."""
        yield prefix, self
        for name, module in self.named_children():
            yield from module._walk(f"{prefix}.{name}" if prefix else name)

    def _named_tensors(self, prefix: str) -> Iterator[tuple[str, Tensor]]:
        """Parameters and buffers, as often as they occur."""
        for path, module in self._walk(prefix):
            for name, value in list(vars(module).items()):
                if isinstance(value, Parameter) or (name in module._buffers and isinstance(value, Tensor)):
                    yield f"{path}.{name}" if path else name, value

    def _convert(self, dtype: DTypeLike) -> Self:
        for _, tensor in self._named_tensors(""):
            if tensor.data.dtype.kind == "f":
                tensor.data = tensor.data.astype(dtype)
                tensor.grad = None
        return self


def _values(name: str, value: Any) -> Array:
    """An array, or the array of a tensor, ours or PyTorch's."""
    try:
        if str(getattr(value, "dtype", "")) == "torch.bfloat16":  # which NumPy lacks
            value = value.float()
        return as_array(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no array of real numbers: {error}") from None
