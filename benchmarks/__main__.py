"""``python -m benchmarks NAME [options]`` runs benchmarks/bench_NAME.py."""

import importlib
import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    if not argv or argv[0] not in names:
        print(f"usage: python -m benchmarks {{{','.join(names)}}} [options]   (NAME --help lists them)")
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    importlib.import_module(f"benchmarks.bench_{argv[0]}").main(argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
