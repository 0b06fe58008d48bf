"""All solutions of the n queens problem by recursion over bit masks and over lists."""


def count(columns, left, right, full):
    if columns == full:
        return 1
    found = 0
    free = full & ~(columns | left | right)
    while free:
        bit = free & -free
        free ^= bit
        found += count(columns | bit, (left | bit) << 1, (right | bit) >> 1, full)
    return found


def safe(rows, column):
    distance = len(rows)
    for row, other in enumerate(rows):
        if other == column or abs(other - column) == distance - row:
            return False
    return True


def place(rows, size):
    if len(rows) == size:
        return 1
    found = 0
    for column in range(size):
        if safe(rows, column):
            rows.append(column)
            found += place(rows, size)
            rows.pop()
    return found


def run(n):
    return count(0, 0, 0, (1 << n) - 1), place([], n - 2)
