"""pyperformance's own programs, unchanged, under our driver.

The PyPI package carries them as scripts that register functions with pyperf. Here each script is imported with a
stand-in for pyperf, and a *preparation* returns `run(n)`, which calls the script's own functions and returns what they
computed. Where a script throws its result away, the preparation catches it (canvas, picture) or looks at its state.
"""

from __future__ import annotations

import os
import sys
import time
import types

# Where the scripts are, for a Python in which the package is not installed.
FOLDER_VARIABLE = "PYPERFORMANCE_BENCHMARKS"


class Entry:
    def __init__(self, folder: str, prepare, size: int, small: int):
        self.folder, self.prepare, self.size, self.small = folder, prepare, size, small


PROGRAMS: dict[str, Entry] = {}


def program(name: str, size: int, small: int, folder: str | None = None):
    """Registers a preparation (a function from the script's module to run) for benchmarks/bm_<folder or name>."""

    def register(prepare):
        PROGRAMS[name] = Entry(folder or name, prepare, size, small)
        return prepare

    return register


def benchmarks_folder() -> str | None:
    """Where the installed package keeps its scripts; None without the package."""
    if told := os.environ.get(FOLDER_VARIABLE):
        return told
    import importlib.util

    spec = importlib.util.find_spec("pyperformance")
    if spec is None or not spec.submodule_search_locations:
        return None
    return os.path.join(spec.submodule_search_locations[0], "data-files", "benchmarks")


def available() -> list[str]:
    folder = benchmarks_folder()
    if folder is None:
        return []
    return [name for name, entry in PROGRAMS.items() if os.path.isdir(os.path.join(folder, f"bm_{entry.folder}"))]


def source(folder: str) -> tuple[str, str]:
    """(name of the module, path of the script) of bm_<folder>."""
    place = benchmarks_folder()
    if place is None:
        raise KeyError("the package pyperformance is not installed")
    return f"bm_{folder}", os.path.join(place, f"bm_{folder}", "run_benchmark.py")


def install_stand_in() -> types.ModuleType:
    """pyperf as far as the scripts use it outside their main part: a clock."""
    stand_in = types.ModuleType("pyperf")
    stand_in.perf_counter = time.perf_counter
    stand_in.python_implementation = lambda: "cpython"
    stand_in.Runner = None
    sys.modules["pyperf"] = stand_in
    return stand_in


def load_module(folder: str, import_file) -> types.ModuleType:
    """Imports bm_<folder>/run_benchmark.py as a module of its own."""
    name, script = source(folder)
    install_stand_in()
    sys.path.insert(0, os.path.dirname(script))
    return import_file(name, script)


def beside(module, name: str) -> str:
    """A data file of the script's."""
    return os.path.join(benchmarks_folder(), module.__name__, "data", name)


def repeated(call):
    """run(n) for a program without a size: n calls, the last result."""

    def run(n: int):
        result = None
        for _ in range(n):
            result = call()
        return result

    return run


def prepare_richards(module):
    def run(n):
        done = module.Richards().run(n)
        return done, module.taskWorkArea.holdCount, module.taskWorkArea.qpktCount

    return run


program("richards", 3, 1)(prepare_richards)
program("richards_super", 3, 1)(prepare_richards)


@program("deltablue", 40, 2)
def deltablue(module):
    # The script prints when its own checks fail, and the driver's digest covers what is printed.
    return repeated(lambda: module.delta_blue(100))


@program("raytrace", 70, 14)
def raytrace(module):
    made = []

    class CatchingCanvas(module.Canvas):
        def __init__(self, width, height):
            super().__init__(width, height)
            made[:] = [self]

    module.Canvas = CatchingCanvas

    def run(n):
        module.bench_raytrace(1, n, n, None)
        return made[0].bytes.tobytes()

    return run


@program("nbody", 40_000, 2_000)
def nbody(module):
    def run(n):
        module.bench_nbody(1, module.DEFAULT_REFERENCE, n)
        return module.SYSTEM

    return run


@program("fannkuch", 9, 7)
def fannkuch(module):
    return module.fannkuch


@program("spectral_norm", 2, 1)
def spectral_norm(module):
    def run(n):
        module.bench_spectral_norm(n)
        return module.eval_AtA_times_u([1 / (i + 1) for i in range(10)])

    return run


@program("hexiom", 20, 1)
def hexiom(module):
    # main() compares its answer with the one in the script.
    return lambda n: module.main(n, module.DEFAULT_LEVEL) > 0


@program("chaos", 15_000, 1_000)
def chaos(module):
    pictures, games = [], []
    module.write_ppm = lambda picture, name: pictures.append(picture)
    register = types.SimpleNamespace(metadata={}, bench_func=lambda name, call, *rest: games.append((call, rest)))
    sizes = types.SimpleNamespace(thickness=module.DEFAULT_THICKNESS, width=module.DEFAULT_WIDTH,
                                  height=module.DEFAULT_HEIGHT, iterations=0, filename="caught",
                                  rng_seed=module.DEFAULT_RNG_SEED)
    module.main(register, sizes)
    create, (width, height, _, filename, seed) = games[0]

    def run(n):
        create(width, height, n, filename, seed)
        return pictures.pop()

    return run


@program("go", 1, 1)
def go(module):
    def run(n):
        module.TIMESTAMP = module.MOVES = 0
        return repeated(module.versus_cpu)(n), module.MOVES

    return run


@program("float", 120_000, 5_000)
def float_points(module):
    def run(n):
        top = module.benchmark(n)
        return top.x, top.y, top.z

    return run


@program("pyflate", 1, 1)
def pyflate(module):
    archive = beside(module, "interpreter.tar.bz2")
    # The script compares the MD5 sum of what it unpacked.
    return lambda n: module.bench_pyflake(n, archive) > 0


@program("scimark_sor", 10, 1, "scimark")
def scimark_sor(module):
    def run(n):
        grid = module.Array2D(80, 80, [[(x * 7 + y) % 13 / 4.0 for x in range(80)] for y in range(80)])
        module.SOR_execute(1.25, grid, n, module.Array2D)
        return grid.data.tobytes()

    return run


@program("scimark_sparse_mat_mult", 40, 2, "scimark")
def scimark_sparse(module):
    return lambda n: module.bench_SparseMatMult(n, 1000, 50_000) > 0


@program("scimark_monte_carlo", 200_000, 8_000, "scimark")
def scimark_monte_carlo(module):
    return module.MonteCarlo


@program("scimark_lu", 120, 30, "scimark")
def scimark_lu(module):
    def run(n):
        source = module.Random(7).RandomMatrix(module.ArrayList(n, n))
        factors, pivot = module.ArrayList(n, n), [0] * n
        module.LU(factors, source, pivot)
        return [list(row) for row in factors.data], pivot

    return run


@program("scimark_fft", 20, 1, "scimark")
def scimark_fft(module):
    def run(n):
        data = module.Random(7).RandomVector(2048)
        for _ in range(n):
            module.FFT_transform(2048, data)
            module.FFT_inverse(2048, data)
        return list(data)

    return run


@program("nqueens", 8, 6)
def nqueens(module):
    return lambda n: list(module.n_queens(n))


@program("generators", 5, 1)
def generators(module):
    # bench_generators() builds its tree of 100,000 nodes each time, as the script does.
    def run(n):
        module.bench_generators(n)
        return sum(module.tree(range(100)))

    return run


@program("coroutines", 6, 1)
def coroutines(module):
    return lambda n: module.bench_coroutines(n) > 0


@program("async_generators", 20_000, 1_000)
def async_generators(module):
    async def total(n):
        result = 0
        async for value in module.tree(range(n)):
            result += value
        return result

    def run(n):
        # No event loop is needed: nothing in the tree ever waits.
        try:
            total(n).send(None)
        except StopIteration as stop:
            return stop.value
        return None

    return run


@program("unpack_sequence", 8_000, 300)
def unpack_sequence(module):
    return lambda n: module.bench_all(n) > 0


def prepare_logging(bench: str):
    def prepare(module):
        stream = module.io.StringIO()
        logger = module.logging.getLogger("benchlogger")
        logger.propagate = False
        logger.addHandler(module.logging.StreamHandler(stream=stream))
        logger.setLevel(module.logging.WARNING)

        def run(n):
            module.BENCHMARKS[bench](n, logger, stream)
            return len(stream.getvalue())

        return run

    return prepare


program("logging_format", 2_000, 60, "logging")(prepare_logging("format"))
program("logging_simple", 2_000, 60, "logging")(prepare_logging("simple"))
program("logging_silent", 150_000, 5_000, "logging")(prepare_logging("silent"))


@program("regex_compile", 1, 1)
def regex_compile(module):
    regexes = module.capture_regexes()

    def run(n):
        module.bench_regex_compile(n, regexes)
        return len(regexes)

    return run


def prepare_deepcopy(function: str):
    return lambda module: lambda n: getattr(module, function)(n) > 0


program("deepcopy", 300, 12)(prepare_deepcopy("benchmark"))
program("deepcopy_reduce", 30_000, 1_000, "deepcopy")(prepare_deepcopy("benchmark_reduce"))
program("deepcopy_memo", 2_500, 100, "deepcopy")(prepare_deepcopy("benchmark_memo"))


@program("comprehensions", 8_000, 300)
def comprehensions(module):
    def run(n):
        module.bench_comprehensions(n)
        return [widget.widget_id for widget in module.WidgetTray(1, module.make_some_widgets()).sorted_widgets]

    return run


def prepare_pickle(bench: str):
    def prepare(module):
        import pickle

        # The parts of the library that are written in Python, as the benchmark's --pure-python takes them.
        pure = types.SimpleNamespace(dumps=pickle._dumps, loads=pickle._loads)
        options = types.SimpleNamespace(protocol=pickle.HIGHEST_PROTOCOL)

        def run(n):
            getattr(module, bench)(n, pure, options)
            return pure.dumps(module.DICT, options.protocol), pure.loads(pure.dumps(module.TUPLE, 2))

        return run

    return prepare


program("pickle_pure_python", 20, 1, "pickle")(prepare_pickle("bench_pickle"))
program("unpickle_pure_python", 20, 1, "pickle")(prepare_pickle("bench_unpickle"))


@program("meteor_contest", 1, 1)
def meteor_contest(module):
    board, cti, pieces = module.get_puzzle(module.WIDTH, module.HEIGHT)
    footprints, edges = module.get_footprints(board, cti, pieces), module.get_senh(board, cti)
    # The script compares the solutions.
    return lambda n: module.bench_meteor_contest(n, board, pieces, module.SOLVE_ARG, footprints, edges) > 0


@program("pidigits", 1_800, 200)
def pidigits(module):
    return lambda n: list(module.calc_ndigits(n))


@program("barnes_hut", 30, 1)
def barnes_hut(module):
    def run(n):
        particles = module.create_deterministic_galaxy(100, 500, 400)
        for _ in range(n):
            module.advance_system(particles, module.DEFAULT_THETA, module.TIME_STEP, 1000, 800)
        return module.calculate_system_energy(particles)

    return run


@program("pprint", 7_000, 250)
def pprint_lists(module):
    return lambda n: module.p.pformat(module.printable[:n])


@program("typing_runtime_protocols", 400, 10)
def typing_runtime_protocols(module):
    return lambda n: module.bench_protocols(n) > 0


@program("telco", 12, 1)
def telco(module):
    calls = beside(module, "telco-bench.b")
    return lambda n: module.bench_telco(n, calls) > 0
