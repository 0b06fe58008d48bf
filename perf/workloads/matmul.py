"""Product of two matrices held as lists of lists."""


def matrix(n, seed):
    return [[(i * seed + j * 3) % 17 / 4.0 for j in range(n)] for i in range(n)]


def product(a, b):
    n, m, width = len(a), len(b), len(b[0])
    out = []
    for i in range(n):
        row = a[i]
        line = []
        for j in range(width):
            total = 0.0
            for k in range(m):
                total += row[k] * b[k][j]
            line.append(total)
        out.append(line)
    return out


def run(n):
    c = product(matrix(n, 5), matrix(n, 7))
    return sum(map(sum, c)), c[n // 2][n // 3]
