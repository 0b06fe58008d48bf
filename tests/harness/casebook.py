"""The decorator that makes a function a case."""


class Case:
    """One function to run in every mode. `times` bounds how often it is repeated, for slow cases."""

    __slots__ = ("name", "function", "times")

    def __init__(self, function, times):
        self.name = function.__name__
        self.function = function
        self.times = times


cases = []


def case(function=None, *, times=30):
    """Registers `function(log)` as a case, in the order of the file. Returns it unchanged."""
    if function is None:
        return lambda real: case(real, times=times)
    cases.append(Case(function, times))
    return function
