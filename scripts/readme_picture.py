"""The picture of the README, from a run: python scripts/readme_picture.py runs/demo/mnist-10x10
docs/images/overview.png."""

import sys
from pathlib import Path

import numpy as np

import spicesnn as sn
from spicesnn.plotting.iv import iv_loop
from spicesnn.plotting.maps import ir_drop_map
from spicesnn.plotting.results import confusion_matrix, spike_raster
from spicesnn.plotting.run import RunData
from spicesnn.plotting.style import new_figure, style


def main(run: str, target: str) -> None:
    data = RunData(run)
    experiment, encoding = data.experiment, data.config.encoding
    array = experiment.array_of(data.run.load_state().devices)
    drive = [encoding.high_volts] * array.rows
    device = sn.devices.VTEAM()
    amplitude, frequency = device.typical_drive()
    with style(), sn.NgspiceEngine() as ngspice:
        figure = new_figure(12.0, 7.6)
        axes = figure.subplots(2, 2)
        iv_loop(
            axes[0, 0],
            [sn.iv(device, engine, amplitude, frequency) for engine in (sn.NodalEngine(), ngspice)],
        )
        axes[0, 0].set_title("VTEAM on both engines")
        title = f"{array.rows}×{array.cols}, 1 Ω per segment: cell voltage"
        ir_drop_map(axes[0, 1], sn.NodalEngine().read(array, drive).cell_volts, drive, title=title)
        times, labels = data.history["spike_times"][:6], data.history["spike_labels"][:6]
        period = 1.2 * float(times[times < 1].max())
        trains = [times[:, k] + period * np.arange(len(times)) for k in range(times.shape[1])]
        marks = [(period * k, data.names[label]) for k, label in enumerate(labels)]
        spike_raster(
            axes[1, 0], trains, data.names, marks=marks, title="First spikes of six test digits"
        )
        confusion_matrix(
            axes[1, 1], data.history["confusion"][:, :-1], data.names, title="MNIST 10×10, held out"
        )
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
