"""The command ``diagnose``."""

import argparse
from typing import Any

from lexigrad.cli.common import command, count


def add(commands: Any) -> None:
    diagnose = commands.add_parser(
        "diagnose",
        help="show vanishing and exploding gradients; needs no file",
        description="Show vanishing and exploding gradients of recurrent layers.",
        epilog="example:\n  lexigrad diagnose gradient-flow -o flow.png",
    )
    pictures = diagnose.add_subparsers(title="what", metavar="WHAT", required=True)
    flow = command(
        pictures,
        "gradient-flow",
        _gradient_flow,
        "print how far gradients reach in a tanh RNN, an identity-ReLU RNN, a GRU and an LSTM",
        "lexigrad diagnose gradient-flow --steps 300 -o flow.png",
    )
    flow.add_argument("-o", "--output", metavar="FILE", help="also draw it: .png, .svg or .pdf")
    flow.add_argument("--hidden", type=count, default=64, metavar="N", help="units of each layer (64)")
    flow.add_argument("--steps", type=count, default=100, metavar="N", help="length of the sequences (100)")
    flow.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and input (0)")
    clipping = command(
        pictures,
        "clipping",
        _clipping,
        "draw the cliff in the error of a one-unit RNN, and descent with and without clipping",
        "lexigrad diagnose clipping -o cliff.png",
    )
    clipping.add_argument("-o", "--output", required=True, metavar="FILE", help=".png, .svg or .pdf")


def _gradient_flow(args: argparse.Namespace) -> int:
    import numpy as np

    from lexigrad.diagnostics import gradient_flow, layers_for_long_sequences

    if args.output:
        from lexigrad.plot import plot_gradient_flow
        from lexigrad.plot.figure import check_suffix

        check_suffix(args.output)
    rng = np.random.default_rng(args.seed)
    x = rng.random((args.steps, 8, 2), np.float32)
    layers = layers_for_long_sequences(2, args.hidden, args.steps, rng=rng)
    flows = {name: gradient_flow(layer, x) for name, layer in layers.items()}
    columns = {f"{name}, dh_t/dh_k": flow.norms for name, flow in flows.items()}
    columns |= {f"{name}, dc_t/dc_k": flow.cell_norms for name, flow in flows.items() if flow.cell_norms is not None}
    columns |= {f"{name}, bound": flow.bound for name, flow in flows.items() if flow.bound is not None}
    distances = sorted({0, 1, 3, 10, 30, 100, 300, 1000, args.steps} & set(range(args.steps + 1)))
    print(f"{'distance t - k':<30}" + "".join(f"{distance:>10}" for distance in distances))
    for name, norms in columns.items():
        middle = norms if norms.ndim == 1 else np.median(norms, axis=1)
        print(f"{name:<30}" + "".join(f"{middle[distance]:>10.2g}" for distance in distances))
    if args.output:
        plot_gradient_flow(flows, args.output)
    return 0


def _clipping(args: argparse.Namespace) -> int:
    from lexigrad.plot import plot_clipping

    plot_clipping(args.output)
    return 0
