"""Draw the curve of every device of the library, both engines over one another, for the
documentation: docs/images/devices/NAME.png."""

from __future__ import annotations

import sys
from pathlib import Path

from spicesnn.devices import registry
from spicesnn.engines.iv import iv
from spicesnn.engines.ngspice.engine import NgspiceEngine
from spicesnn.engines.nodal.engine import NodalEngine
from spicesnn.plotting.iv import iv_figure

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images" / "devices"


def main(wanted: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with NodalEngine() as nodal, NgspiceEngine() as ngspice:
        for name in wanted or registry.names():
            device = registry.device_class(name)()
            volts, hertz = device.typical_drive()
            curves = [
                iv(device, engine, volts, hertz, 2, points=2000) for engine in (nodal, ngspice)
            ]
            iv_figure(curves, device).savefig(FOLDER / f"{name}.png", dpi=80)
            print(name, (FOLDER / f"{name}.png").stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])
