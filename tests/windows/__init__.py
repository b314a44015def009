"""The tests under CPython for Windows, on a Debian machine: real Windows builds of Python, run by Wine.

`python -m tests.windows` sets up what is missing in `.windows/` and runs the suites. docs/platforms.md says what this can't show.
"""
