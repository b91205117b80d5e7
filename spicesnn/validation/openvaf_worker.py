"""A program that compiles a Verilog-A file with openvaf-py and evaluates it: confined, bounded in
time and memory, ended by its parent.

Started as ``python -m spicesnn.validation.openvaf_worker FILE``. It writes one line of JSON about
what was compiled, then answers each line of points with a line of residuals and Jacobians. It is a
process of its own because a text from outside may make a compiler hang, crash, or read files."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from spicesnn.engines.ngspice.confinement import confine, readable

_SECONDS, _BYTES = 60, 4 << 30


def _bounded() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))


def _about(module: Any) -> dict[str, Any]:
    """Return what is known of a compiled module: its inputs, its unknowns and the places of its
    Jacobian."""
    system = module.get_dae_system()
    return {
        "name": module.name,
        "inputs": list(module.param_names),
        "kinds": list(module.param_kinds),
        "first": list(module.init_param_names),
        "unknowns": [
            node["name"] for node in sorted(system["nodes"], key=lambda node: node["idx"])
        ],
        "rows": [row["node_idx"] for row in system["residuals"]],
        "integers": sorted(
            p["name"]
            for p in module.get_osdi_descriptor()["params"]
            if str(p.get("type", "")).lower().startswith("int")
        ),
    }


def _answers(module: Any, points: list[dict[str, float]]) -> list[Any]:
    return [module.run_init_eval(point) for point in points]


def main() -> None:
    """Compile, then answer until the input ends."""
    say = os.fdopen(os.dup(1), "w")
    # What the compiler prints is no answer, but says which line it does not take.
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        _serve(say, printed)


def _serve(say: IO[str], printed: IO[bytes]) -> None:
    path = Path(sys.argv[1])
    _bounded()
    confine([*readable(), str(path.parent)])
    import openvaf_py

    try:
        modules = openvaf_py.compile_va(str(path), allow_analog_in_cond=True)
        about = [_about(module) for module in modules]
    except BaseException as error:
        printed.seek(0)
        said = printed.read(1 << 16).decode("utf-8", "replace").strip()
        print(json.dumps({"error": f"{error}: {said}"[:4000]}), file=say, flush=True)
        return
    print(json.dumps({"modules": about}), file=say, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            print(
                json.dumps({"answers": _answers(modules[request["module"]], request["points"])}),
                file=say,
                flush=True,
            )
        except BaseException as error:
            print(
                json.dumps({"error": f"{type(error).__name__}: {error}"[:4000]}),
                file=say,
                flush=True,
            )


if __name__ == "__main__":
    main()
