"""The game of life on a set of cells and on a grid."""


def step_set(cells):
    around = {}
    for x, y in cells:
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                if dx or dy:
                    key = (x + dx, y + dy)
                    around[key] = around.get(key, 0) + 1
    return {cell for cell, count in around.items() if count == 3 or (count == 2 and cell in cells)}


def step_grid(grid, size):
    fresh = [[0] * size for _ in range(size)]
    for y in range(size):
        above, here, below = grid[y - 1], grid[y], grid[(y + 1) % size]
        for x in range(size):
            right = (x + 1) % size
            count = (above[x - 1] + above[x] + above[right] + here[x - 1] + here[right]
                     + below[x - 1] + below[x] + below[right])
            fresh[y][x] = 1 if count == 3 or (count == 2 and here[x]) else 0
    return fresh


def run(n):
    cells = {(0, 1), (1, 2), (2, 0), (2, 1), (2, 2), (9, 9), (9, 10), (9, 11), (10, 10)}
    size = 24
    grid = [[1 if (x * 7 + y * 3) % 5 < 2 else 0 for x in range(size)] for y in range(size)]
    for _ in range(n):
        cells = step_set(cells)
        grid = step_grid(grid, size)
    return sorted(cells)[:10], sum(map(sum, grid))
