"""What libFuzzer says of a run."""

import re


def summary(log):
    """Runs and coverage at the beginning and the end, in words; None if the fuzzer saw little of the code.

    Where the code under test is not instrumented the coverage stays at a few points, whatever is tried.
    """
    began = re.search(r"INITED\s+cov: (\d+)", log)
    ended = re.search(r"#(\d+)\s+DONE\s+cov: (\d+)", log)
    if began is None or ended is None or int(ended[2]) < 30:
        return None
    return f"{ended[1]} runs, coverage {began[1]} to {ended[2]}"
