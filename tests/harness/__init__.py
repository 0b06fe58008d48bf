"""The differential harness: the same cases run in several modes, each in a process of its own, and must agree.

A case file says `from harness import case` and decorates functions `def name(log)`. The harness calls each of them
several times per mode and writes down everything that a program could notice; `observe.py` says what a record holds.
A case out of which an exception comes fails, even where it comes in all modes.
"""

from harness.casebook import Case, cases, case
from harness.observe import Log, Probe

__all__ = ["Case", "Log", "Probe", "case", "cases"]
