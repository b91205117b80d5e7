"""`spicesnn import cell.va`: a device from a Verilog-A model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spicesnn.cli import options
from spicesnn.cli.compared import compared
from spicesnn.cli.output import Answer

if TYPE_CHECKING:
    from rich.console import Console

    from spicesnn.devices.importers.veriloga.model import VerilogModel
    from spicesnn.validation.certificate import Certificate
    from spicesnn.validation.imported import TwinErrors

_KINDS = {"ddt": "by ddt()", "idt": "by idt()", "hand": "advanced by the model itself"}


def imported(
    file: Path,
    *,
    module: str | None,
    pins: tuple[str, str] | None,
    bounds: Mapping[str, tuple[float, float]],
    show: bool,
    out: Path | None,
    seed: int,
    engine: options.EngineName | None,
    osdi: Path | None = None,
    step: str = "",
    given: Mapping[str, float] | None = None,
) -> Answer:
    """Return the answer of an import: the descriptor written, or what was refused by line."""
    import numpy as np

    from spicesnn.devices.importers.scales import check_ranges
    from spicesnn.devices.importers.veriloga.model import read_model
    from spicesnn.errors import MissingPackageError, UnsafeNetlistError, UnsupportedNetlistError
    from spicesnn.netlist.veriloga import (
        TAKEN,
        descriptor_text,
        device_of_model,
        subcircuit_text,
        write_model,
    )
    from spicesnn.validation.certificate import certificate
    from spicesnn.validation.compiled_original import missing
    from spicesnn.validation.imported import spice_errors
    from spicesnn.validation.osdi import checked_osdi, osdi_errors

    if missing():
        raise MissingPackageError(missing())
    if osdi is not None:
        checked_osdi(osdi)
    try:
        model = read_model(
            file,
            module=module,
            pins=pins,
            bounds=bounds,
            taken=TAKEN.__contains__,
            step=step,
            values=given,
        )
        found = certificate(model, np.random.default_rng(seed))
    except (UnsupportedNetlistError, UnsafeNetlistError) as error:
        return _refused(file, [str(error)])
    if not found.ok:
        return _refused(
            file,
            [
                f"{file}: not taken, since what was understood is not what openvaf-py compiles:"
                f" values differ by {found.value:.1e}, derivatives by {found.jacobian:.1e}"
                + (f", its own step by {found.advanced:.1e}" if found.advanced is not None else "")
            ],
        )
    descriptor_text(model)
    device = device_of_model(model)
    check_ranges(device, [s.name for s in model.states if s.guessed and s.unit != "K"], str(file))
    failures = (out or Path("runs") / model.name) / "failures"
    twins, why = compared(spice_errors, device, seed, engine, failures)
    if twins is not None and max(twins.value / 1e-6, twins.jacobian / 1e-5) > 1:
        inner = (
            "; its inner nodes may have several solutions at one voltage"
            if model.stored.residuals
            else ""
        )
        return _refused(
            file,
            [
                f"{file}: not taken, since the sub-circuit in ngspice gives other currents: they"
                f" differ by {twins.value:.1e}{inner}"
            ],
        )
    judged = None if osdi is None else osdi_errors(model, device, osdi, np.random.default_rng(seed))
    if osdi is not None and judged is not None and not judged.ok:
        return _refused(
            file,
            [
                f"{file}: not taken, since {osdi.name} in ngspice gives other currents over random"
                f" voltages: they differ by {judged.value:.1e} of the largest; is it this text that"
                " was compiled, and does it say where its states start?"
            ],
        )
    path = write_model(model, options.folder(out, f"runs/{model.name}"), found.table())
    values = [found.value] + ([] if twins is None else [twins.value])
    slopes = [found.jacobian] + ([] if twins is None else [twins.jacobian])
    data: dict[str, Any] = {
        "device": path,
        "name": model.name,
        "module": model.module,
        "pins": dict(zip(("p", "n"), model.pins, strict=True)),
        "states": {
            s.name: {
                key: getattr(s, key) for key in ("kind", "line", "low", "high", "start", "guessed")
            }
            for s in model.states
        },
        "parameters": model.defaults,
        "fixed": dict(model.fixed),
        "left_out": model.left_out,
        "by_hand": dict(model.hidden),
        "late": sorted(model.late),
        "max_value_error": max(values),
        "max_jacobian_error": max(slopes),
        "max_state_error": None if twins is None else twins.state,
        "nodal": {
            "value": found.value,
            "jacobian": found.jacobian,
            "points": found.points,
            "step": found.advanced,
            "by_values": found.by_values,
        },
        "osdi": None if judged is None else {"value": judged.value, "points": judged.points},
        "ngspice": None if twins is None else {"value": twins.value, "jacobian": twins.jacobian},
        "refused": [],
        "translation": subcircuit_text(model),
    }

    def shown(console: Console) -> None:
        for line in _lines(model, found, twins, why, step):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if judged is not None:
            console.print(
                f"osdi    differs by {judged.value:.1e} of the largest current at {judged.points}"
                " random voltages in turn",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        if show:
            console.print(subcircuit_text(model), markup=False, highlight=False, soft_wrap=True)
        console.print(f"device  {path}")

    return Answer(data=data, show=shown)


def _refused(file: Path, messages: list[str]) -> Answer:
    from spicesnn.cli.streams import say

    for message in messages:
        say(f"error: {message}")
    data = {
        "device": None,
        "name": file.stem,
        "max_value_error": None,
        "max_jacobian_error": None,
        "refused": messages,
        "error": messages[0],
    }
    return Answer(data=data, exit_code=1)


def _lines(
    model: VerilogModel, found: Certificate, twins: TwinErrors | None, why: str, step: str
) -> list[str]:
    """Return what was understood, in lines for people."""
    lines = [f"module  {model.module}: word line {model.pins[0]}, bit line {model.pins[1]}"]
    for state in model.states:
        guessed = (
            f" ({', '.join(state.guessed)} guessed: the text does not say)" if state.guessed else ""
        )
        unit = "" if state.unit == "1" else f" {state.unit}"
        lines.append(
            f"state   {state.name}, line {state.line}, {_KINDS[state.kind]}: {state.low:.6g} to"
            f" {state.high:.6g}{unit}, starts at {state.start:.6g}{guessed}"
        )
    if model.hidden:
        length = (
            f"of {step} at every evaluation, however long the simulator's own is,"
            if step
            else "of the simulator's own length"
        )
        lines.append(
            f"note    {', '.join(model.hidden)} in the text take one step {length} by a formula of"
            " the text's own, such as forward Euler (the rate of the step's beginning), so the"
            " answer depends on these steps and may stop far short of the equation's, above all"
            " where a rate runs away. The device has the limit of small steps, the equation itself,"
            " as a state, which both engines integrate to their tolerance; at each bound it comes"
            " to rest on a ramp of 0.1 % of the range"
        )
    if model.late:
        lines.append(
            f"note    {', '.join(model.late)} in the text are read before they are assigned: what the"
            " evaluation before found is taken for what this one finds"
        )
    lines.append(
        "set    "
        f" {', '.join(f'{p.name}={p.default:g}' for p in model.parameters) or 'no parameters'}"
    )
    lines += [f"fixed   {name}: {reason}" for name, reason in model.fixed.items()]
    if model.left_out:
        lines.append(f"unused  {', '.join(model.left_out)}: nothing depends on them")
    lines.append(
        f"nodal   differs from the compiled original by {found.value:.1e} in current and rates,"
        f" {found.jacobian:.1e} in derivatives ({found.points} points"
        + (
            f"; {found.by_values} derivatives from differences of its values, which its own do not"
            " fit)"
            if found.by_values
            else ")"
        )
    )
    if twins is None:
        lines.append(f"ngspice {why}")
    else:
        lines.append(
            f"ngspice differs by {twins.value:.1e} in current, {twins.jacobian:.1e} in dI/dV,"
            f" {twins.state:.1e} of the range after a pulse"
        )
    return lines
