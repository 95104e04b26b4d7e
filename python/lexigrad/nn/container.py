"""Modules that hold others in a row. Their names are their places: "0", "1" and so on."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from lexigrad.nn.module import Module


class _Row(Module):
    """Modules by place; they are attributes under their names."""

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, place: int | slice) -> Any:
        """A module, or the same kind of row of those of a slice."""
        modules = list(self.children())
        return type(self)._of(modules[place]) if isinstance(place, slice) else modules[place]

    @classmethod
    def _of(cls, modules: Iterable[Module]) -> Self:
        row = cls.__new__(cls)
        for module in modules:
            row.append(module)
        return row

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self._add(str(len(self)), module)
        return self

    def _add(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__} holds modules, not {type(module).__name__}")
        setattr(self, name, module)


class Sequential(_Row):
    """Each module takes what the one before it returns.

    >>> model = Sequential(Linear(20, 50), Tanh(), Linear(50, 2))
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        """Take modules, and mappings of names to modules."""
        for part in modules:
            if isinstance(part, Mapping):
                for name, module in part.items():
                    self._add(name, module)
            else:
                self.append(part)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x


class ModuleList(_Row):
    """A list of modules that belong to the module which has it as an attribute."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self
