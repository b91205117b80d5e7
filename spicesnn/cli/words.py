"""What people type that other programs call so: hints for unknown commands and options, and help
texts taken as they stand."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

COMMANDS = {
    "help": "spicesnn --help, or spicesnn COMMAND --help",
    "version": "spicesnn --version",
    "presets": "spicesnn train, which lists them",
    "list": "spicesnn devices, spicesnn train or spicesnn study, which list what there is",
    "run": "spicesnn train PRESET",
    "learn": "spicesnn train PRESET",
    "test": "spicesnn infer RUN",
    "eval": "spicesnn infer RUN",
    "evaluate": "spicesnn infer RUN",
    "predict": "spicesnn infer RUN",
    "plot": "spicesnn report RUN, or the figure that each command writes",
    "show": "spicesnn report RUN",
    "read": "spicesnn.Crossbar(siemens).read(row_volts) in Python, or spicesnn study ir-drop",
    "crossbar": "spicesnn.Crossbar(siemens).read(row_volts) in Python, or spicesnn study ir-drop",
    "compute": "spicesnn.Crossbar(siemens).read(row_volts) in Python, or spicesnn study ir-drop",
    "simulate": "spicesnn iv DEVICE for a device, spicesnn train PRESET for a network",
    "sim": "spicesnn iv DEVICE for a device, spicesnn train PRESET for a network",
    "check": "spicesnn doctor for the installation, spicesnn validate for the engines",
    "spice": "spicesnn netlist PRESET",
    "deck": "spicesnn netlist PRESET",
    "export": "spicesnn netlist PRESET",
    "compare": "spicesnn report RUN RUN",
    "studies": "spicesnn study, which lists them",
    "completion": "spicesnn --install-completion",
    "resume": "spicesnn train --resume --out RUN",
    "init": "spicesnn train PRESET; a TOML file of your own begins as the run.toml of a run",
    "stdp": "spicesnn stdp-window DEVICE",
    "device": "spicesnn devices NAME",
    "runs": "spicesnn report RUN; runs are folders of runs/",
    "view": "spicesnn report RUN",
    "open": "spicesnn report RUN, whose report.html a browser opens",
    "cost": "spicesnn map NETWORK --data FILE, whose report has the cost by component",
    "energy": "spicesnn map NETWORK --data FILE, whose report has the cost by component",
    "config": "spicesnn train --help, or the run.toml of a run",
    "settings": "spicesnn train --help, or the run.toml of a run",
    "convert": "spicesnn import FILE for a device, spicesnn map NETWORK for a network",
    "load": "spicesnn import FILE for a device, spicesnn map NETWORK for a network",
    "quickstart": "spicesnn train xpue",
    "demo": "spicesnn train xpue",
    "montecarlo": "spicesnn iv DEVICE --samples N, or spicesnn sweep PRESET --over KEY=A,B",
    "monte-carlo": "spicesnn iv DEVICE --samples N, or spicesnn sweep PRESET --over KEY=A,B",
    "optimize": "spicesnn sweep PRESET --over KEY=A,B, or spicesnn fit MODEL CSV",
    "benchmark": "spicesnn validate",
    "info": "spicesnn doctor, or spicesnn devices NAME",
}
OPTIONS = {
    "-o": "--out DIR",
    "--output": "--out DIR",
    "--dir": "--out DIR",
    "--folder": "--out DIR",
    "-s": "--seed N",
    "-e": "--engine nodal or --engine ngspice",
    "--simulator": "--engine nodal or --engine ngspice",
    "--solver": "--engine nodal or --engine ngspice",
    "--ngspice": "--engine ngspice",
    "--nodal": "--engine nodal",
    "--preset": "the preset without an option, as in spicesnn train xpue",
    "--config": "the path without an option, as in spicesnn train my.toml",
    "-c": "the path without an option, as in spicesnn train my.toml",
    "--epochs": "--set training.epochs=N",
    "--epoch": "--set training.epochs=N",
    "-n": "--set training.epochs=N, or --limit N of infer",
    "--lr": "--set learning.… (the settings page lists them)",
    "--batch-size": "--set training.… (the settings page lists them)",
    "--device": "the name without an option (iv), or --set device.model=NAME (train)",
    "--wires": "--set array.word_line_ohm=OHM --set array.bit_line_ohm=OHM",
    "--size": "--set with a key of the study or preset, as in --set array.word_line_ohm=2",
    "--voltage": "--amplitude VOLT",
    "--volts": "--amplitude VOLT",
    "-a": "--amplitude VOLT",
    "-v": "--amplitude VOLT, or log.txt of a run for details",
    "--freq": "--frequency HERTZ",
    "-f": "--frequency HERTZ",
    "--cycles": "--periods N",
    "--plot": "nothing: the figure is always written, and named in the last line",
    "--show-plot": "nothing: the figure is always written, and named in the last line",
    "--save": "nothing: everything is written, to --out DIR",
    "--list": "the command without a name, which lists what there is",
    "--verbose": "log.txt of a run for details",
    "--quiet": "nothing: progress is drawn on a terminal only, and --json is for programs",
    "-q": "nothing: progress is drawn on a terminal only, and --json is for programs",
    "--format": "--json",
    "--csv": "nothing: tables are written as CSV to --out DIR",
    "--force": "another --out: a run is never overwritten",
    "--overwrite": "another --out: a run is never overwritten",
    "-j": "--workers N",
    "--jobs": "--workers N",
    "--parallel": "--workers N",
    "--values": "--over KEY=A,B,…",
    "--param": "--over KEY=A,B,… (sweep), --set KEY=VALUE",
    "--noise": "--set imperfections.read_noise=0.05",
    "--variability": "--set imperfections.parameters=NAME --set imperfections.spread=0.1",
    "--quick": "--lite of validate",
    "-V": "--version",
    "--data": "--set data.source=file --set data.path=FILE",
    "--test-data": "--set data.test_path=FILE",
    "--adc": "--set hardware.adc_bits=N",
    "--dac": "--set hardware.dac_bits=N",
    "--bits": "--set hardware.bits_per_cell=N",
    "--slices": "--set hardware.slices=N",
    "--tile": "--set array.tile_rows=N --set array.tile_cols=N",
    "--compare": "--engine both",
    "--both": "--engine both",
    "--open": "nothing: open report.html in a browser",
    "--gpu": "nothing: everything runs on the processor",
    "--cuda": "nothing: everything runs on the processor",
    "--checkpoint": "--resume --out RUN",
    "--repeats": "--seeds N of sweep, or --starts N of train",
    "--model": "the name without an option, as in the example of --help",
}


def hint(error: Any) -> str:
    """Return what to type in place of an option or a command that does not exist, or the example of
    one that lacks an argument; nothing where that is not known."""
    option = getattr(error, "option_name", None)
    if option is not None:
        words = OPTIONS.get(option, "")
        named = set(re.findall(r"--[a-z-]+", words)) - {"--help"}
        there = {name for known in error.ctx.command.params for name in known.opts}
        return f"; use {words}." if words and (not named or named & there) else ""
    if getattr(error, "param", None) is not None and not getattr(error, "message", ""):
        shown = re.search(r"Example:\s+(.*)", error.ctx.command.help or "")
        return f", as in `{shown.group(1).strip()}`." if shown else ""
    found = re.search(r"No such command '([^']+)'", error.format_message())
    return (
        f"; use {COMMANDS[found.group(1)]}."
        if found is not None and found.group(1) in COMMANDS
        else ""
    )


def literal(text: str | None) -> str | None:
    """Return a help text whose square brackets are printed: rich would take ``[imperfections]`` for
    a style."""
    return None if text is None else re.sub(r"(?<!\\)\[(?=[a-zA-Z/@#])", r"\\[", text)


def taken_as_it_stands(command: Callable[..., Any]) -> str:
    """Escape the help of all options of a command, and return the help of the command itself."""
    hints = get_type_hints(command, include_extras=True)
    for kind in hints.values():
        for part in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
            if isinstance(getattr(part, "help", None), str):
                part.help = literal(part.help)
    # Annotations that are text are read anew each time, without what was changed above.
    command.__annotations__ = hints
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return literal("\n\n".join(_on_one_line(paragraph) for paragraph in paragraphs)) or ""


def _on_one_line(paragraph: str) -> str:
    """Return a paragraph without the line breaks of its source; the terminal has its own width.
    Indented lines stay."""
    return paragraph if "\n " in paragraph else " ".join(paragraph.split("\n"))
