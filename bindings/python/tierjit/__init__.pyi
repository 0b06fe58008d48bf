from collections.abc import Callable
from types import CodeType, MethodType, TracebackType
from typing import Any, Literal, Self, TypedDict, TypeVar, overload

from ._info import ExitInfo as ExitInfo
from ._info import FunctionInfo as FunctionInfo
from ._info import Tier2Info as Tier2Info

__version__: str

_F = TypeVar("_F", bound=Callable[..., Any])
_Function = Callable[..., Any] | MethodType | CodeType

class _Stats(TypedDict):
    compiles: int
    refused: int
    compiled_alive: int
    compiled_bytecodes: int
    compile_ns_total: int
    compile_ns_max: int
    code_bytes: int
    data_bytes: int
    functions_hooked: int
    calls_forwarded: int
    native_bytecodes: int
    interpreted_bytecodes: int
    loop_entries: int
    slow_calls: int
    deopts: int
    exceptions: int
    tier2_compiles: int
    tier2_compile_ns_total: int
    tier2_code_bytes: int
    tier2_entries: int
    tier2_exits: int
    tier2_waiting: int
    tier2_installs: int
    tier2_quick: int
    tier2_stale: int
    tier2_lost: int
    tier2_pause_ns_total: int
    tier2_pause_ns_max: int
    native_share: float | None
    refusals: dict[str, int]
    refusal_texts: dict[str, str]
    tier2_refusals: dict[str, int]
    loop_door: str
    exit_points: dict[str, Any]

def is_available() -> bool: ...
def why_unavailable() -> str | None: ...
def enable() -> bool: ...
def disable() -> None: ...
def is_enabled() -> bool: ...

class pause:
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

def configure(
    *,
    tier1_threshold: int = ...,
    compile_loops_at_once: bool = ...,
    tier2_threshold: int = ...,
    osr_threshold: int = ...,
    tier2: bool = ...,
    tier2_every_loop: bool = ...,
    tier2_texts: bool = ...,
    tier2_units: str = ...,
    fail_guards: int = ...,
    fail_only: str = ...,
    profiled_turns: int = ...,
    background: bool = ...,
    max_compile_ms: int = ...,
    compile_delay_us: int = ...,
    install_delay: int = ...,
    max_code_bytes: int = ...,
    max_bytecodes: int = ...,
    loop_door: bool = ...,
    sample_ms: int = ...,
    count_refused: bool = ...,
    perf_map: bool = ...,
    log: str = ...,
) -> dict[str, Any]: ...
@overload
def get_config(described: Literal[False] = ...) -> dict[str, Any]: ...
@overload
def get_config(described: Literal[True]) -> dict[str, dict[str, Any]]: ...
def compile(func: _Function, *, tier: Literal[1] | None = ...) -> bool: ...
def is_compiled(func: _Function) -> int: ...
@overload
def jit(func: _F, /, *, tier: Literal[1] | None = ...) -> _F: ...
@overload
def jit(func: None = ..., /, *, tier: Literal[1] | None = ...) -> Callable[[_F], _F]: ...
def never(func: _F) -> _F: ...
def info(func: _Function) -> FunctionInfo: ...
def slow_sites(limit: int = ...) -> str: ...
def stats(reset: bool = ...) -> _Stats: ...
@overload
def disassemble(func: _Function, what: Literal["stencils", "asm"] | None = ..., *, tier: Literal[1] = ...) -> str: ...
@overload
def disassemble(func: _Function, what: str | None = ..., *, tier: Literal[2]) -> str: ...
