"""Optimisers, clipping of gradients, learning-rate schedules."""

from lexigrad.optim.clip import clip_grad_norm_, clip_grad_value_
from lexigrad.optim.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from lexigrad.optim.schedules import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler, ReduceLROnPlateau, StepLR

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]
