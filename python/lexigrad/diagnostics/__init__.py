"""What goes on in a network: the graph as a drawing, how far gradients reach, what clipping is good for."""

from lexigrad.diagnostics.clipping import cliff_error, descend_cliff
from lexigrad.diagnostics.drawing import Drawing, draw
from lexigrad.diagnostics.gradient_flow import GradientFlow, gradient_flow, layers_for_long_sequences

__all__ = [
    "Drawing",
    "GradientFlow",
    "cliff_error",
    "descend_cliff",
    "draw",
    "gradient_flow",
    "layers_for_long_sequences",
]
