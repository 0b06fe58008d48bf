"""``python -m tierjit --sysinfo``: what a bug report should contain."""

import os
import platform
import sys
import sysconfig

import tierjit


def _cpu():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _executable_memory():
    """Whether the system lets a process make memory executable after having written to it."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mprotect.argtypes = libc.munmap.argtypes = None
    page = libc.mmap(None, 4096, 1 | 2, 0x22, -1, 0)
    if page in (None, ctypes.c_void_p(-1).value):
        return "no memory"
    refused = libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(4096), 1 | 4) != 0
    error = os.strerror(ctypes.get_errno())
    libc.munmap(ctypes.c_void_p(page), ctypes.c_size_t(4096))
    return f"refused: {error}" if refused else "allowed"


def _guarded(question):
    try:
        return question()
    except Exception as error:
        return f"unknown ({type(error).__name__}: {error})"


def _rows():
    yield "tierjit", tierjit.__version__
    yield "available", "yes" if tierjit.is_available() else f"no: {tierjit.why_unavailable()}"
    yield "python", sys.version.replace("\n", " ")
    yield "executable", sys.executable
    yield "build", " ".join(filter(None, [
        platform.python_implementation(), "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "GIL",
        "debug" if hasattr(sys, "gettotalrefcount") else "release",
        "shared libpython" if sysconfig.get_config_var("Py_ENABLE_SHARED") else "static libpython"]))
    yield "platform", f"{platform.platform()} {platform.machine()}"
    yield "libc", " ".join(platform.libc_ver()) or "unknown"
    yield "cpu", _guarded(_cpu)
    yield "executable memory", _guarded(_executable_memory)
    yield "monitoring tool 5", _guarded(lambda: sys.monitoring.get_tool(5) or "free")
    yield "perf trampoline", _guarded(lambda: "active" if sys.is_stack_trampoline_active() else "inactive")
    tracers = (("settrace", sys.gettrace()), ("setprofile", sys.getprofile()))
    yield "tracing", ", ".join(name for name, function in tracers if function) or "none"
    for name in sorted(os.environ):
        if name.startswith("TIERJIT"):
            yield name, os.environ[name]
    for name, value in tierjit.get_config().items():
        yield "option " + name, value


def report():
    """The report as text."""
    return "\n".join(f"{name:32} {value}" for name, value in _rows())
