"""Pictures: maps of words, curves of trainings, gradients over time, descent with and without clipping."""

from lexigrad.plot.clipping import plot_clipping
from lexigrad.plot.gradient_flow import plot_gradient_flow
from lexigrad.plot.history import plot_history
from lexigrad.plot.vectors import METHODS, place_labels, plot_vectors, project

__all__ = ["METHODS", "place_labels", "plot_clipping", "plot_gradient_flow", "plot_history", "plot_vectors", "project"]
