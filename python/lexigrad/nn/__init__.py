"""Layers, under PyTorch's names."""

from lexigrad.nn import functional, init
from lexigrad.nn.activation import Identity, ReLU, Sigmoid, Tanh
from lexigrad.nn.attention import Attention
from lexigrad.nn.container import ModuleList, Sequential
from lexigrad.nn.crf import CRF
from lexigrad.nn.dropout import Dropout, VariationalDropout
from lexigrad.nn.embedding import Embedding
from lexigrad.nn.linear import Linear
from lexigrad.nn.losses import (
    AdaptiveLogSoftmaxWithLoss,
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    CTCLoss,
    MSELoss,
    NLLLoss,
    SampledSoftmaxLoss,
)
from lexigrad.nn.module import Module, Parameter
from lexigrad.nn.normalization import LayerNorm
from lexigrad.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveLogSoftmaxWithLoss",
    "Attention",
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "GRUCell",
    "Identity",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "RNNCell",
    "ReLU",
    "SampledSoftmaxLoss",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "VariationalDropout",
    "functional",
    "init",
]
