"""`spicesnn import`: a device from a Verilog-A model or from SPICE text of any dialect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicesnn.cli import options
from spicesnn.cli.compared import compared
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console

    from spicesnn.devices.base import Device
    from spicesnn.netlist.importing import Guess
    from spicesnn.validation.imported import TwinErrors


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A Verilog-A model (.va), or SPICE text with a .subckt: .lib, .sub, .cir, .sp, .scs.",
        ),
    ],
    dialect: Annotated[
        str | None,
        typer.Option(
            "--dialect",
            help="ngspice, ltspice, pspice or hspice, where the text does not decide it.",
        ),
    ] = None,
    subckt: Annotated[
        str | None,
        typer.Option(
            "--subckt", metavar="NAME", help="Sub-circuit or module, where the file has several."
        ),
    ] = None,
    pins: Annotated[
        str | None,
        typer.Option(
            "--pins", metavar="P,N", help="Pins of word line and bit line; guessed if left out."
        ),
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", metavar="NODE=LOW,HIGH", help="Range of a state.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the translation into ngspice's language.")
    ] = False,
    osdi: Annotated[
        Path | None,
        typer.Option(
            "--osdi",
            metavar="FILE",
            help="The same Verilog-A model compiled by OpenVAF (.osdi): compared with it in ngspice 40 or newer.",
        ),
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(
            "--step",
            metavar="PARAMETER",
            help="The parameter of a Verilog-A model that holds the length of a step in time, such"
            " as dt in x = x + rate*dt.",
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Default of a Verilog-A model's parameter, such as one that switches random numbers off.",
        ),
    ] = None,
    out: options.Out = None,
    seed: options.Seed = None,
    engine: options.OneEngine = None,
    as_json: options.Json = False,
) -> Answer:
    """Read a Verilog-A model, or a sub-circuit of any SPICE dialect, and write the descriptor that
    makes it a device.

    Pins, states and parameters are guessed and shown: look at them before you use the device. What
    cannot be understood is refused by line. Both twins are compared at random points: with the
    compiled original (Verilog-A, by openvaf-py), and with ngspice (not with --engine nodal).

    Example:  spicesnn import netlists/foreign_memristor.lib --dialect pspice --show --out runs/biolek
    """
    from spicesnn.cli.import_verilog import imported
    from spicesnn.devices.importers.dialects import SpiceDialect
    from spicesnn.errors import InputError, UnsafeNetlistError, UnsupportedNetlistError
    from spicesnn.netlist.foreign import load_foreign
    from spicesnn.netlist.importing import VERILOG, guess

    if dialect is not None and dialect not in list(SpiceDialect):
        raise InputError(f"--dialect {dialect}: expected one of {', '.join(SpiceDialect)}")
    named = None if pins is None else tuple(pin.strip().lower() for pin in pins.split(","))
    if named is not None and len(named) != 2:
        raise InputError(f"--pins {pins}: expected two pins, such as --pins te,be")
    pair = None if named is None else (named[0], named[1])
    if file.suffix.lower() in VERILOG:
        if dialect is not None:
            raise InputError("--dialect is for SPICE text, and the file is Verilog-A; leave it out")
        if pins is not None:
            pair = (
                pins.split(",")[0].strip(),
                pins.split(",")[1].strip(),
            )  # in its own case, which counts in Verilog-A
        return imported(
            file,
            module=subckt,
            pins=pair,
            bounds=_bounds(state),
            show=show,
            out=out,
            seed=seed or 0,
            engine=engine,
            osdi=osdi,
            step=step or "",
            given=_values(values),
        )
    if values:
        raise InputError(
            f"--set {values[0]}: for Verilog-A, and {file.name} is SPICE text; set it where the device"
            " is used: --set device.NAME=VALUE"
        )
    if step is not None:
        raise InputError(
            f"--step {step}: for Verilog-A, and {file.name} is SPICE text; leave it out"
        )
    if osdi is not None:
        raise InputError(
            f"--osdi {osdi}: compiled Verilog-A, and {file.name} is SPICE text; leave it out"
        )
    try:
        found = guess(
            file,
            subckt=subckt,
            dialect=None if dialect is None else SpiceDialect(dialect),
            pins=pair,
            bounds=_bounds(state),
        )
        translation = found.translation
        _check_ranges(found, _bounds(state), file)
    except (UnsupportedNetlistError, UnsafeNetlistError) as error:
        return _refused(file, str(error))
    path = found.write(options.folder(out, f"runs/{found.name}"))
    device = load_foreign(path)
    errors, why = _compared(device, seed or 0, engine, path.parent / "failures")
    data: dict[str, Any] = {
        "device": path,
        "name": found.name,
        "subckt": found.subckt,
        "dialect": str(found.dialect),
        "pins": found.pins,
        "unused_pins": list(found.unused),
        "states": {
            name: {"node": s.node, "capacitor": s.path}
            for name, s in zip(found.state_names(), found.states, strict=True)
        },
        "parameters": found.parameters,
        "fixed": found.fixed,
        "bench": [card.text for card in found.bench],
        "set_by_bench": list(found.set_by_bench),
        "left_out": [e.name for e in found.part.left_out],
        "max_value_error": None if errors is None else errors.value,
        "max_jacobian_error": None if errors is None else errors.jacobian,
        "max_state_error": None if errors is None else errors.state,
        "refused": [],
        "translation": translation,
    }

    def shown(console: Console) -> None:
        _show(console, found, errors, why)
        if show:
            console.print(translation, markup=False, highlight=False, soft_wrap=True)
        console.print(f"device  {path}")

    return Answer(data=data, show=shown)


_STANDS = 1e-3
"""Of its range: a state that moved less has not been compared in motion."""


def _values(pairs: list[str] | None) -> dict[str, float]:
    from spicesnn.errors import InputError
    from spicesnn.units import parse

    found = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise InputError(
                f"--set {pair}: expected a parameter of the model and its value, such as"
                " --set model_switch=0"
            )
        found[name.strip().removeprefix("device.")] = parse(value)
    return found


def _bounds(pairs: list[str] | None) -> dict[str, tuple[float, float]]:
    from spicesnn.errors import InputError
    from spicesnn.units import parse

    found = {}
    for pair in pairs or ():
        node, _, ends = pair.partition("=")
        low, comma, high = ends.partition(",")
        if not comma:
            raise InputError(
                f"--state {pair}: expected a node and its range, such as --state x=0,1"
            )
        found[node.strip().lower()] = (parse(low), parse(high))
    return found


def _check_ranges(found: Guess, given: dict[str, tuple[float, float]], file: Path) -> None:
    """Look whether the ranges that were guessed fit, before anything is written where it stays."""
    from tempfile import TemporaryDirectory

    from spicesnn.devices.foreign import Foreign
    from spicesnn.devices.importers.scales import check_ranges
    from spicesnn.netlist.foreign import load_foreign

    guessed = [
        name
        for name, store in zip(found.state_names(), found.states, strict=True)
        if store.node not in given
    ]
    if not guessed:
        return
    with TemporaryDirectory(prefix="spicesnn-import-") as folder:
        device = load_foreign(found.write(Path(folder)))
        if isinstance(device, Foreign) and device.stored is not None:
            check_ranges(device, guessed, str(file))


def _refused(file: Path, message: str) -> Answer:
    """Return the answer for a text that cannot be taken: the reason, and exit code 1."""
    from spicesnn.cli.streams import say

    say(f"error: {message}")
    data = {
        "device": None,
        "name": file.stem,
        "max_value_error": None,
        "max_jacobian_error": None,
        "refused": [message],
        "error": message,
    }
    return Answer(data=data, exit_code=1)


def _compared(
    device: Device, seed: int, engine: options.EngineName | None, failures: Path
) -> tuple[TwinErrors | None, str]:
    """Return the errors of the nodal twin, or why there are none."""
    from spicesnn.devices.foreign import Foreign
    from spicesnn.validation.imported import twin_errors

    if isinstance(device, Foreign) and device.stored is None:
        return (
            None,
            (
                f"no nodal twin: {device.why_not}. `spicesnn characterize` makes tables that stand"
                " for it"
            ),
        )
    return compared(twin_errors, device, seed, engine, failures)


def _show(console: Console, found: Guess, errors: TwinErrors | None, why: str) -> None:
    from spicesnn.netlist.importing import start_text

    decided = (
        "the text means the same in every dialect that has its words"
        if found.decided
        else "which Spectre's own language was put into"
        if found.spectre
        else "as you say"
    )
    lines = [f"{found.subckt} as {found.dialect} ({decided})"]
    lines.append(
        f"pins    word line {found.pins['p']}, bit line {found.pins['n']} (guessed unless given)"
    )
    for store in found.states:
        low, high = found.bounds[store.node]
        lines.append(
            f"state   {store.node} on {store.path}, {low:g} to {high:g}, starts"
            f" {start_text(store.start, found.parameters)}"
        )
    lines.append(
        "set    "
        f" {', '.join(f'{name}={value:g}' for name, value in found.parameters.items()) or 'no parameters'}"
    )
    lines += [f"fixed   {name}: {reason}" for name, reason in found.fixed.items()]
    lines += [
        f"unused  pin {pin}: it only shows something, and is left open" for pin in found.unused
    ]
    if found.part.left_out:
        lines.append(
            f"unused  {', '.join(e.name for e in found.part.left_out)}: nothing depends on them"
        )
    if found.bench:
        numbers = sorted({card.line for card in found.bench})
        cards = dict.fromkeys(card.text.split()[0] for card in found.bench)
        said = ", ".join(word for word in cards if word.startswith("."))
        lines.append(
            f"bench   {len(found.bench)} lines of a test bench are left out (lines {numbers[0]} to"
            f" {numbers[-1]}{f': {said}' if said else ''})"
        )
        lines += [f"        {told}" for told in found.set_by_bench]
    if errors is None:
        lines.append(f"twins   {why}")
    else:
        ends = f"{errors.state:.1e} of the range after a pulse"
        lines.append(
            f"twins   differ by {errors.value:.1e} in current, {errors.jacobian:.1e} in dI/dV,"
            f" {ends}"
        )
        if found.states and errors.travel < _STANDS:
            volts, hertz = found.drive
            lines.append(
                f"        no state moved at up to {volts:g} V for {0.1 / hertz:.3g} s: give [drive]"
                " in the descriptor what moves it"
            )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
