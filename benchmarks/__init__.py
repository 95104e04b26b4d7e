"""Speed, memory and quality of lexigrad beside its peers: ``python -m benchmarks NAME --help``."""
