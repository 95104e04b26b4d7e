"""Layers, under PyTorch's names."""

from lexigrad.nn import functional, init
from lexigrad.nn.activation import Identity, ReLU, Sigmoid, Tanh
from lexigrad.nn.container import ModuleList, Sequential
from lexigrad.nn.dropout import Dropout, VariationalDropout
from lexigrad.nn.embedding import Embedding
from lexigrad.nn.linear import Linear
from lexigrad.nn.module import Module, Parameter
from lexigrad.nn.normalization import LayerNorm

__all__ = [
    "Dropout",
    "Embedding",
    "Identity",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "VariationalDropout",
    "functional",
    "init",
]
