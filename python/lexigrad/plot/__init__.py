"""Pictures: maps of words, gradients over time, descent with and without clipping."""

from lexigrad.plot.clipping import plot_clipping
from lexigrad.plot.gradient_flow import plot_gradient_flow
from lexigrad.plot.vectors import METHODS, place_labels, plot_vectors, project

__all__ = ["METHODS", "place_labels", "plot_clipping", "plot_gradient_flow", "plot_vectors", "project"]
