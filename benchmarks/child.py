"""The process in which one thing is measured: ``python -m benchmarks.child MODULE:FUNCTION JSON``.

Calls the function with the JSON object as keyword arguments and prints what it returns, a dict, as JSON on
the last line of stdout, together with the peak of the process's memory.
"""

import importlib
import json
import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """The most memory that this process has had in use at once, code and mapped files included.

    On Linux the process's own high-water mark: ru_maxrss would include the process that this one was forked
    from.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    module, function = sys.argv[1].split(":")
    result = getattr(importlib.import_module(module), function)(**json.loads(sys.argv[2]))
    print(json.dumps({**result, "peak_bytes": peak_bytes()}), flush=True)


if __name__ == "__main__":
    main()
