"""Sorting with Python key functions."""


def records(n):
    state = 12345
    for i in range(n):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        yield (state % 1000, "name%d" % (state % 317), i)


def by_name_then_size(record):
    return record[1], -record[0]


def run(n):
    rows = list(records(n))
    first = sorted(rows, key=lambda record: record[0])
    second = sorted(rows, key=by_name_then_size, reverse=True)
    return first[:3], second[:3], first[-1], second[-1]
