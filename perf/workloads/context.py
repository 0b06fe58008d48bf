"""with statements over classes of our own, nested and swallowing exceptions."""


class Guard:
    def __init__(self, log, swallow):
        self.log = log
        self.swallow = swallow

    def __enter__(self):
        self.log[0] += 1
        return self

    def __exit__(self, kind, value, trace):
        self.log[1] += 1
        return self.swallow and kind is ValueError


def work(i, log):
    with Guard(log, True) as outer:
        with Guard(log, False):
            if i % 10 == 0:
                raise ValueError(i)
        return i + len(outer.log)
    return -1


def run(n):
    log, total = [0, 0], 0
    for i in range(n):
        total += work(i, log)
    return total, log
