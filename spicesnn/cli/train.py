"""`spicesnn train`: train a preset, or one's own TOML file, and leave a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicesnn.cli import options
from spicesnn.cli.output import Answer, delivered, solved, unanswered, watched

if TYPE_CHECKING:
    from rich.console import Console

    from spicesnn.training import StartsSummary, Summary

_SHOWN_STARTS = 12


def train(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="PRESET_OR_TOML",
            autocompletion=options.preset_names,
            help="A preset, or the path of a TOML file.",
        ),
    ] = None,
    engine: options.OneEngine = None,
    starts: Annotated[
        int | None,
        typer.Option(
            "--starts", min=1, help="Number of random starts to train from; all are kept."
        ),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            "--replay", metavar="RUN:START", help="Repeat one saved start with full output."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out; no preset is needed.")
    ] = False,
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
    """Train a network and write a run directory: configuration, metrics, history, states, figures,
    report.html.

    Presets: xpue, digits-3x5, mnist-10x10, manhattan-4x4, letters-3x3 and more; an unknown name
    lists them all. With --starts, the folder keeps every start, those that converged and those that
    did not; --replay trains one of them again.

    Example:  spicesnn train xpue --engine nodal --seed 1 --out runs/xpue --set array.word_line_ohm=2
    """
    from spicesnn import training

    if replay is not None:
        _check_alone(preset, starts, resume, set_, seed)
        run, start = _kept(replay)
        config = training.RunDirectory.existing(run).config()
    else:
        overrides = [f"{key}={value}" for key, value in options.settings(set_).items()]
        begun = training.RunDirectory.existing(_there(out)) if resume else None
        config = (
            begun.unchanged(overrides, seed, preset)
            if begun is not None
            else training.load(_given(preset), overrides)
        )
    out = out and options.named_as_folder(out)
    if out is not None and not resume:
        options.refuse_results_of_others(out, "run.toml")
    with (
        options.engine(
            engine.value if engine else config.engine, init=config.engine_init
        ) as solver,
        watched(f"training {config.preset}") as watcher,
    ):
        if starts is not None:
            many = training.train_starts(
                config,
                engine=solver,
                starts=starts,
                out=out,
                rng_seed=seed,
                progress=watcher,
                resume=resume,
            )
        elif replay is not None:
            summary = training.replay(run, start, engine=solver, out=out, progress=watcher)
        else:
            summary = training.train(
                config, engine=solver, out=out, rng_seed=seed, progress=watcher, resume=resume
            )
    return (
        _of_starts(many, figures=figures)
        if starts is not None
        else _of_run(summary, config, figures=figures)
    )


def _given(preset: str | None) -> str:
    from spicesnn.errors import InputError

    if preset is None:
        from spicesnn.training import preset_names

        raise InputError(
            "train needs a preset or a TOML file, as in `spicesnn train xpue`, or --replay"
            f" RUN:START, or --resume and --out RUN\nThe presets are: {', '.join(preset_names())}"
        )
    return preset


def _there(out: Path | None) -> Path:
    from spicesnn.errors import InputError

    if out is None:
        raise InputError(
            "--resume continues the run in --out; give it, as in `spicesnn train --resume --out"
            " runs/xpue-seed0`"
        )
    return out


def _check_alone(
    preset: str | None, starts: int | None, resume: bool, set_: list[str] | None, seed: int | None
) -> None:
    from spicesnn.errors import InputError

    others = {
        "a preset": preset,
        "--starts": starts,
        "--resume": resume or None,
        "--set": set_ or None,
        "--seed": seed,
    }
    there = [name for name, value in others.items() if value is not None]
    if there:
        raise InputError(
            f"--replay takes everything from the run it names; leave out {' and '.join(there)}"
        )


def _kept(text: str) -> tuple[str, int]:
    """Return run and start of ``RUN:START``."""
    from spicesnn.errors import InputError

    run, colon, start = text.rpartition(":")
    if not colon or not run or not start.isdecimal():
        raise InputError(
            f"--replay {text}: expected a folder of many starts and the number of one, as in"
            " --replay runs/manhattan-4x4-seed0:17"
        )
    return run, int(start)


def _of_starts(summary: StartsSummary, *, figures: bool) -> Answer:
    from spicesnn.plotting.starts import starts_figure

    figure = starts_figure(summary.run) if figures else None

    def show(console: Console) -> None:
        from spicesnn.units import render

        share = f"{100 * summary.converged_fraction:.1f} % of {summary.starts} starts converged"
        console.print(
            share
            + (
                f", after {summary.epochs_mean:.1f} epochs on average"
                if summary.converged_fraction
                else ""
            )
        )
        if summary.failed:
            names = ", ".join(map(str, summary.failed[:_SHOWN_STARTS])) + (
                " …" if len(summary.failed) > _SHOWN_STARTS else ""
            )
            console.print(
                f"not converged: {names}; in detail: spicesnn train --replay"
                f" {summary.run}:{summary.failed[0]}"
            )
        console.print(
            f"drivers delivered {render(summary.energy_joule, 'J')}; run time"
            f" {summary.wall_s:.1f} s\nrun    "
            f" {summary.run}"
        )
        if figure is not None:
            console.print(f"figure  {figure}")

    return Answer(
        data=summary.table() | {"figures": [str(figure)] if figure else [], "report": None},
        show=show,
    )


def _of_run(summary: Summary, config: object, *, figures: bool) -> Answer:
    drawn: list[Path] = []
    if figures:
        from spicesnn.reporting.report import finish_run

        drawn = finish_run(summary.run)

    def show(console: Console) -> None:
        held = "held-out" if summary.extra.get("held_out", True) else "training"
        solved_by = summary.extra.get("solved_by")
        who = solved(summary.preset, summary.engine, solved_by)
        console.print(
            f"{who}: {100 * summary.test_accuracy:.2f} % of {summary.n_test} {held} samples right"
        )
        for remark in summary.extra.get("remarks", []):
            console.print(f"note    {remark}", highlight=False, markup=False)
        if line := unanswered(
            int(summary.extra.get("silent_or_tied", 0)),
            summary.n_test,
            summary.test_accuracy,
            config,
        ):
            console.print(line)
        console.print(
            f"{delivered(summary.energy_joule, solved_by)}; run time {summary.wall_s:.1f} s\nrun    "
            f" {summary.run}"
        )
        if drawn:
            console.print(f"figures {drawn[0].parent}\nreport  {drawn[-1]}")

    report: dict[str, Any] = {
        "figures": [str(path) for path in drawn[:-1]],
        "report": str(drawn[-1]) if drawn else None,
    }
    return Answer(data=summary.table() | report, show=show)
