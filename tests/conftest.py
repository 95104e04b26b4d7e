"""Shared by all tests."""

import signal

# A shell that starts the tests in the background makes them ignore Ctrl-C, and what they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
