"""A comparison of an imported device with ngspice, where it is to be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spicesnn.cli import options

if TYPE_CHECKING:
    import numpy as np

    from spicesnn.devices.base import Device
    from spicesnn.engines.base import Engine
    from spicesnn.validation.imported import TwinErrors


def compared(
    errors: Callable[[Device, Engine, np.random.Generator], TwinErrors],
    device: Device,
    seed: int,
    engine: options.EngineName | None,
    failures: Path,
) -> tuple[TwinErrors | None, str]:
    """Return the errors that a check against ngspice finds, or why there are none."""
    import numpy as np

    from spicesnn.errors import EngineError, briefly

    if engine is options.EngineName.NODAL:
        return None, "not compared with ngspice (--engine nodal)"
    try:
        with options.engine("ngspice", failures=failures) as solver:
            return errors(device, solver, np.random.default_rng(seed)), ""
    except EngineError as error:
        return None, f"not compared with ngspice: {briefly(error)}"
