"""Optimisers, each one fused pass over its parameters. Names, formulas and defaults are PyTorch's.

Row-sparse gradients, which embeddings send, change their rows only:

- SGD without momentum and AdaGrad: exactly as the dense gradient would;
- Adam and AdamW: lazily, as PyTorch's SparseAdam does. Moments and values of rows without a gradient stay as they
  are, where the dense rule would let the moments fade and move the values by what is left of them.

With weight decay, with momentum and in RMSprop every row changes at every step: there they are made dense first.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.optim.clip import gradient_arrays, norm_and_factor
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Tensor, changed_in_place

Array = NDArray[Any]
Group = dict[str, Any]
Parameters = Iterable[Tensor] | Iterable[Mapping[str, Any]]


class Optimizer:
    """What all optimisers share.

    Attributes:
        param_groups: a dict for each group of parameters: "params", a list, and the options by name. Schedules
            change "lr" in them, and so may you.
        state: what is remembered of each parameter, by ``id`` of the tensor.
    """

    def __init__(self, params: Parameters, defaults: Mapping[str, Any]) -> None:
        """Take the parameters: tensors, or dicts with "params" and options of their own.

        Raises:
            TypeError: a parameter is not a leaf tensor of float32.
            ValueError: there are none, one is there twice, or an option is out of range.
        """
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: dict[int, dict[str, Any]] = {}
        if isinstance(params, Tensor):
            raise TypeError("params must be a list of tensors, not a tensor")
        given: list[Any] = list(params)
        if not given:
            raise ValueError("an optimiser needs parameters, but got none")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own: {"params": tensors, "lr": ...}; other options are the defaults."""
        group = self.defaults | dict(param_group)
        given = group["params"]
        group["params"] = [given] if isinstance(given, Tensor) else list(given)
        seen = {id(parameter) for other in self.param_groups for parameter in other["params"]}
        for parameter in group["params"]:
            if not isinstance(parameter, Tensor) or not parameter.is_leaf or parameter.dtype != np.float32:
                raise TypeError(f"parameters must be leaf tensors of float32, not {parameter!r:.80}")
            if not (parameter.data.flags.c_contiguous and parameter.data.flags.writeable):
                raise TypeError("parameters must be C-contiguous and writeable: give a copy of the array")
            if id(parameter) in seen:
                raise ValueError("a parameter is there twice: leave one out")
            seen.add(id(parameter))
        unknown = set(group) - set(self.defaults) - {"params", "initial_lr"}
        if unknown:
            raise ValueError(f"unknown options {sorted(unknown)}: there are {sorted(self.defaults)}")
        self._check(group)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for parameter in self._parameters():
            if set_to_none or parameter.grad is None or isinstance(parameter.grad, SparseRows):
                parameter.grad = None
            else:
                parameter.grad.fill(0)

    def step(self, *, max_norm: float | None = None, error_if_nonfinite: bool = False) -> float | None:
        """Update all parameters that have a gradient, in place.

        Args:
            max_norm: clip as ``clip_grad_norm_`` would, within the same pass: the gradients are read and not written.
            error_if_nonfinite: with ``max_norm``, raise where the gradients' norm is not finite; nothing is updated.

        Returns:
            The gradients' norm with ``max_norm``, else None.

        Raises:
            RuntimeError: the norm is not finite and ``error_if_nonfinite`` is given.
        """
        norm, scale = None, 1.0
        if max_norm is not None:
            arrays = gradient_arrays(self._parameters())
            norm, scale = norm_and_factor(arrays, max_norm, error_if_nonfinite=error_if_nonfinite)
        for group in self.param_groups:
            self._step_group(group, scale)
        changed_in_place(parameter for parameter in self._parameters() if parameter.grad is not None)
        return norm

    def state_dict(self) -> dict[str, Any]:
        """State and options with parameters as numbers, in PyTorch's form; the arrays are copies."""
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters())}
        groups = [group | {"params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups]
        state = {
            numbers[key]: {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in of.items()}
            for key, of in self.state.items()
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave, for as many parameters of the same shapes.

        Raises:
            ValueError: groups, parameters or shapes differ.
        """
        if not {"state", "param_groups"} <= state_dict.keys():
            raise ValueError(f'the state of an optimiser has "state" and "param_groups", not {sorted(state_dict)}')
        groups = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in groups]
        own = [len(group["params"]) for group in self.param_groups]
        if sizes != own:
            raise ValueError(f"the state is of groups of {sizes} parameters, not {own}")
        parameters = self._parameters()
        state: dict[int, dict[str, Any]] = {}
        for number, saved in state_dict["state"].items():
            parameter = parameters[int(number)]
            state[id(parameter)] = {
                name: int(value) if name == "step" else _restored(value, parameter) for name, value in saved.items()
            }
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update({name: value for name, value in saved.items() if name != "params"})
        self.state = state

    def _check(self, group: Group) -> None:
        """Raise ValueError for options out of range."""
        for name in ("lr", "eps", "weight_decay", "momentum", "lr_decay", "initial_accumulator_value"):
            if name in group and not group[name] >= 0:
                raise ValueError(f"{name} must be at least 0, not {group[name]}")

    def _state_names(self, group: Group) -> list[str]:
        """Names of the arrays that the rule remembers, in the kernel's order."""
        raise NotImplementedError

    def _initial(self, group: Group) -> float:
        """What those arrays are filled with at first."""
        return 0.0

    def _takes_rows(self, group: Group) -> bool:
        """Whether a row-sparse gradient changes its rows only."""
        return False

    def _update(self, group: Group, arguments: tuple[Any, ...], steps: NDArray[np.int64], scale: float) -> None:
        """Call the kernel."""
        raise NotImplementedError

    def _step_group(self, group: Group, scale: float) -> None:
        names = self._state_names(group)
        parameters: list[Array] = []
        gradients: list[Array] = []
        rows: list[NDArray[np.int64] | None] = []
        states: list[list[Array]] = [[] for _ in names]
        steps = []
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            state = self.state.setdefault(id(parameter), {"step": 0})
            state["step"] += 1
            steps.append(state["step"])
            for name in names:
                if name not in state:
                    state[name] = np.full(parameter.shape, self._initial(group), np.float32)
            shape: tuple[int, ...] = parameter.shape
            if isinstance(gradient, SparseRows) and self._takes_rows(group):
                shape = (len(parameter.data), parameter.data[:1].size)
                rows.append(gradient.indices)
                gradients.append(np.ascontiguousarray(gradient.rows).reshape(len(gradient.indices), -1))
            else:
                rows.append(None)
                gradients.append(gradient.dense() if isinstance(gradient, SparseRows) else gradient)
            parameters.append(parameter.data.reshape(shape))
            for of, name in zip(states, names, strict=True):
                of.append(state[name].reshape(shape))
        if parameters:
            self._update(group, (parameters, gradients, rows, states), np.array(steps, np.int64), scale)

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]


class SGD(Optimizer):
    """Stochastic gradient descent.

    g = gradient + weight_decay p
    v = momentum v + (1 - dampening) g, and g itself at first
    p -= lr v, or lr (g + momentum v) with Nesterov's momentum (Sutskever et al. 2013)
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def _check(self, group: Group) -> None:
        super()._check(group)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError("nesterov needs momentum, and dampening 0")

    def _state_names(self, group: Group) -> list[str]:
        return ["momentum_buffer"] if group["momentum"] != 0 else []

    def _takes_rows(self, group: Group) -> bool:
        return bool(group["momentum"] == 0 and group["weight_decay"] == 0)

    def _update(self, group: Group, arguments: tuple[Any, ...], steps: NDArray[np.int64], scale: float) -> None:
        options = {name: group[name] for name in ("lr", "momentum", "dampening", "weight_decay", "nesterov")}
        _core.sgd_step(*arguments, steps=steps, scale=scale, **options)


class Adagrad(Optimizer):
    """AdaGrad (Duchi et al. 2011).

    v += g^2;  p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(v) + eps)
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
            },
        )

    def _state_names(self, group: Group) -> list[str]:
        return ["sum"]

    def _initial(self, group: Group) -> float:
        return float(group["initial_accumulator_value"])

    def _takes_rows(self, group: Group) -> bool:
        return bool(group["weight_decay"] == 0)

    def _update(self, group: Group, arguments: tuple[Any, ...], steps: NDArray[np.int64], scale: float) -> None:
        options = {name: group[name] for name in ("lr", "lr_decay", "weight_decay", "eps")}
        _core.adagrad_step(*arguments, steps=steps, scale=scale, **options)


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012; Graves 2013 for ``centered`` and momentum).

    v = alpha v + (1 - alpha) g^2;  centered: m = alpha m + (1 - alpha) g, and v - m^2 below the root
    p -= lr g / (sqrt(v) + eps), or lr b with b = momentum b + g / (sqrt(v) + eps)
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
            },
        )

    def _check(self, group: Group) -> None:
        super()._check(group)
        if not 0 <= group["alpha"] <= 1:
            raise ValueError(f"alpha must be in [0, 1], not {group['alpha']}")

    def _state_names(self, group: Group) -> list[str]:
        names = ["square_avg"]
        if group["centered"]:
            names.append("grad_avg")
        if group["momentum"] != 0:
            names.append("momentum_buffer")
        return names

    def _update(self, group: Group, arguments: tuple[Any, ...], steps: NDArray[np.int64], scale: float) -> None:
        options = {name: group[name] for name in ("lr", "alpha", "eps", "weight_decay", "momentum", "centered")}
        _core.rmsprop_step(*arguments, scale=scale, **options)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015).

        m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
        p -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

    Weight decay is added to the gradient.
    """

    _decoupled = False

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay})

    def _check(self, group: Group) -> None:
        super()._check(group)
        if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
            raise ValueError(f"betas must be two numbers in [0, 1), not {group['betas']}")

    def _state_names(self, group: Group) -> list[str]:
        return ["exp_avg", "exp_avg_sq"]

    def _takes_rows(self, group: Group) -> bool:
        return bool(group["weight_decay"] == 0)

    def _update(self, group: Group, arguments: tuple[Any, ...], steps: NDArray[np.int64], scale: float) -> None:
        beta1, beta2 = group["betas"]
        _core.adam_step(
            *arguments,
            steps=steps,
            scale=scale,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=self._decoupled,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): p is first multiplied by 1 - lr weight_decay."""

    _decoupled = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def _restored(value: Any, parameter: Tensor) -> Array:
    """A saved array as a float32 array of its own of the parameter's shape."""
    array = np.array(value, np.float32, order="C")
    if array.shape != parameter.shape:
        raise ValueError(f"the state of a parameter of shape {parameter.shape} has shape {array.shape}")
    return array
