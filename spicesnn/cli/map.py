"""`spicesnn map`: put a trained network onto crossbar arrays, test it, and leave a run
directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, unanswered, watched

if TYPE_CHECKING:
    from rich.console import Console


def map_(
    network: Annotated[
        Path,
        typer.Argument(
            metavar="NETWORK", help="A trained network: .nir, .onnx, or .npz with w0 b0 w1 b1 …"
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Test samples: .npz with x and y, or .csv with a column of labels.",
        ),
    ],
    engine: options.OneEngine = None,
    workers: options.TileWorkers = 1,
    scheduler: options.TileScheduler = None,
    figures: Annotated[
        bool,
        typer.Option(
            "--figures/--no-figures", help="Draw the figures of the run and write its report.html."
        ),
    ] = True,
    set_: options.Settings = None,
    trust: options.Trust = False,
    out: options.Out = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> Answer:
    """Map a trained network onto crossbar arrays and test it: accuracy, energy, latency and area,
    compared with the network's own accuracy.

    Data are taken as they are. With converters (hardware.dac_bits, hardware.adc_bits) their ranges
    come from data.calibrate, or from a fifth of the samples, which is then left out of the test.

    Example:  spicesnn map lenet.onnx --data test.npz --set hardware.adc_bits=8 --set hardware.bits_per_cell=6 --out runs/lenet
    """
    from spicesnn import training
    from spicesnn.training.mapped import load_map

    out = out and options.named_as_folder(out)
    if out is not None:
        options.refuse_results_of_others(out, "run.toml")
    config = load_map(network, data, options.settings(set_), seed, engine.value if engine else None)
    with (
        options.engine(config.engine, workers, scheduler, config.engine_init) as solver,
        watched(f"mapping {network.name}") as watcher,
    ):
        summary = training.train(config, engine=solver, out=out, rng_seed=seed, progress=watcher)
    drawn: list[Path] = []
    if figures:
        from spicesnn.reporting.report import finish_run

        drawn = finish_run(summary.run)
    extra = summary.extra

    def show(console: Console) -> None:
        from spicesnn.units import render

        console.print(
            f"{network.name} on arrays: {100 * summary.test_accuracy:.2f} % of {summary.n_test}"
            f" samples right; the network itself: {100 * extra['ideal_accuracy']:.2f} %"
        )
        if line := unanswered(int(extra["silent_or_tied"]), summary.n_test, summary.test_accuracy):
            console.print(line)
        console.print(
            f"{extra['cells']:,} cells in {extra['tiles']:,} tiles; an inference takes"
            f" {render(summary.energy_joule, 'J', 3)} and {render(extra['latency_s'], 's', 3)} on"
            f" {extra['area_m2'] * 1e6:.3g} mm² (periphery tabulated, arrays solved)"
        )
        for remark in extra["remarks"]:
            console.print(f"note    {remark}")
        console.print(f"run     {summary.run}")
        if drawn:
            console.print(f"report  {drawn[-1]}")

    report = {
        "figures": [str(path) for path in drawn[:-1]],
        "report": str(drawn[-1]) if drawn else None,
    }
    return Answer(data=summary.table() | report, show=show)
