"""Functions made inside functions, with captured and rebound variables."""


def make_counter(step):
    count = 0

    def advance(by=1):
        nonlocal count
        count += step * by
        return count

    return advance


def compose(f, g):
    return lambda x: f(g(x))


def run(n):
    counters = [make_counter(k) for k in (1, 2, 3)]
    scale = compose(lambda x: x * 3 % 1009, lambda x: x + 7)
    total = 0
    for i in range(n):
        total += counters[i % 3](i & 3) + scale(i)
    return total, [counter(0) for counter in counters]
