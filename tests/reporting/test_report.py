import base64
import functools
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.metadata import version
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import spicesnn as sn
from spicesnn.cli import main
from spicesnn.errors import RunError
from spicesnn.learning.metrics import interval
from spicesnn.plotting.run import figures
from spicesnn.plotting.run_data import RunData
from spicesnn.reporting import second_engine
from spicesnn.reporting.pictures import embedded
from spicesnn.reporting.report import finish_run, write_report
from spicesnn.reporting.schematic import array_svg
from spicesnn.reporting.tables import budget
from spicesnn.training import RunDirectory, load, train
from spicesnn.units import render

_VOID = {"meta", "link", "img", "br", "circle", "line", "rect", "path"}


class Checker(HTMLParser):
    """Checks that elements close in order, and keeps what a test asks about."""

    def __init__(self):
        super().__init__()
        self.open, self.sources, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in _VOID:
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(path):
    page = Checker()
    page.feed(path.read_text(encoding="utf-8"))
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("runs"), []
    for seed in (1, 2):
        overrides = ["training.epochs=2", f"array.word_line_ohm={seed}"]
        found.append(
            train(
                load("letters-3x3", overrides),
                engine=sn.NodalEngine(),
                out=folder / f"seed{seed}",
                rng_seed=seed,
            )
        )
    return [folder / "seed1", folder / "seed2"]


@pytest.fixture
def no_figures(monkeypatch):
    """Drawing takes seconds and is tested elsewhere."""
    monkeypatch.setattr("spicesnn.reporting.report.figures", lambda data: [])


def test_the_interval_is_wilsons():
    assert interval(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=5e-5)
    assert interval(1.0, 4) == pytest.approx((0.5101, 1.0), abs=5e-5)
    assert interval(0.5, 0) == (0.0, 1.0)


def test_a_finished_run_has_figures_and_a_report_without_any_address(runs):
    *figures, report = finish_run(runs[0])
    assert report == runs[0] / "report.html"
    assert len(figures) == 15
    page = parsed(report)
    assert all(source.startswith("data:") for source in page.sources)
    assert len(page.sources) == len(figures) + 2  # the icon, and run.toml to save
    (kept,) = (source for source in page.sources if source.startswith("data:application/toml"))
    assert unquote(kept.partition(",")[2]) == (runs[0] / "run.toml").read_text(encoding="utf-8")
    assert report.stat().st_size < 3e6
    text = " ".join(page.text)
    assert "10 × 6 array on the nodal engine" in text
    assert "95 % interval" in text
    assert 'preset = "letters-3x3"' in text
    assert "spicesnn train run.toml --engine nodal --seed 1" in text
    assert re.search(
        r"4 test samples were solved by ngspice [\d.]+(, KLU)? and by the nodal engine", text
    )  # of itself: the array is small
    for name in ("numpy", "scipy", "numba"):
        assert f"{name} {version(name)}" in text
    made = next(part for part in page.text if part.startswith("Software:"))
    assert "ngspice" not in made  # nothing of this run was solved by it


def test_the_command_in_the_report_repeats_the_run(runs, tmp_path, monkeypatch, capfd, no_figures):
    page = parsed(write_report([runs[1]], tmp_path / "r.html", check=False))
    command = next(text for text in page.text if text.startswith("spicesnn train"))
    shutil.copy(runs[1] / "run.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main([*command.split()[1:], "--no-figures"]) == 0
    capfd.readouterr()
    first, second = (
        RunDirectory.existing(path).load_state().devices for path in (runs[1], tmp_path / "again")
    )
    assert (first == second).all()


def test_the_other_engine_is_asked(runs, tmp_path, no_figures):
    page = parsed(write_report([runs[0]], tmp_path / "r.html"))
    text = " ".join(page.text)
    assert "and by the nodal engine" in text
    assert re.search(r"4 of 4", text)
    assert "NO" not in page.text


def test_without_ngspice_the_report_says_so(runs, tmp_path, monkeypatch, no_figures):
    monkeypatch.setenv("SPICESNN_LIBNGSPICE", "/nonexistent")
    assert "Not checked: SPICESNN_LIBNGSPICE" in " ".join(
        parsed(write_report([runs[0]], tmp_path / "r.html")).text
    )


def test_a_run_through_ngspice_says_which_ngspice(tmp_path, no_figures):
    with sn.NgspiceEngine() as engine:
        config = load("letters-3x3", {"training.updates": 1})
        train(config, engine=engine, out=tmp_path / "run")
        (expected,) = engine.versions().values()
    assert expected[0].isdigit()
    text = " ".join(parsed(write_report([tmp_path / "run"], check=False)).text)
    assert f"ngspice {expected}; engine ngspice." in text
    assert RunDirectory.existing(tmp_path / "run").versions()["ngspice"] == expected


def test_pictures_fit_into_their_budget():
    noise = Image.fromarray(
        np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    )
    (whole,) = embedded([noise])
    assert (whole.width, whole.height) == (300, 200)
    back = Image.open(
        io.BytesIO(base64.b64decode(whole.source.removeprefix("data:image/webp;base64,")))
    )
    assert np.array_equal(np.asarray(back.convert("RGB")), np.asarray(noise))
    many = embedded([noise] * 3, budget=250_000)
    assert (
        sum(len(picture.source) for picture in many) * 3 / 4
        < 250_000
        < 3 * len(whole.source) * 3 / 4
    )


def test_runs_stand_side_by_side_with_what_differs(runs, tmp_path, capfd, no_figures):
    assert main(["report", *map(str, runs), "--no-check", "--out", str(tmp_path / "two")]) == 0
    assert "report.html" in capfd.readouterr().out
    page = parsed(tmp_path / "two" / "report.html")
    text = [part.strip() for part in page.text]
    assert "2 runs side by side" in text
    at = text.index("array.word_line_ohm")
    assert [part for part in text[at + 1 : at + 8] if part][:2] == ["1.0", "2.0"]


def test_text_from_a_configuration_cannot_become_markup(tmp_path, no_figures):
    config = load("letters-3x3", {"training.epochs": 1, "description": "<script>alert(1)</script>"})
    train(config, engine=sn.NodalEngine(), out=tmp_path / "run")
    content = finish_run(tmp_path / "run")[-1].read_text(encoding="utf-8")
    assert "<script>" not in content
    assert "&lt;script&gt;" in content


def test_arrays_too_large_for_ngspice_in_a_report_are_not_tried(runs, monkeypatch):
    monkeypatch.setattr("spicesnn.reporting.second_engine._MOST_CELLS", 59)
    found = second_engine.check(RunData(runs[0]))
    assert found["rows"] == []
    assert "60 cells are too many for ngspice in a report (up to 59)" in found["text"]


def test_a_run_that_has_not_finished_says_so_before_anything_is_drawn(runs, tmp_path, monkeypatch):
    shutil.copytree(runs[0], tmp_path / "run")
    (tmp_path / "run" / "metrics.json").unlink()
    monkeypatch.setattr("spicesnn.reporting.report.figures", lambda data: pytest.fail("drawn"))
    with pytest.raises(RunError, match="continue with --resume"):
        write_report([tmp_path / "run"], check=False)


def test_a_report_that_cannot_be_written_is_one_message(runs, tmp_path, no_figures):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="--out"):
        write_report([runs[0]], tmp_path / "file" / "r.html", check=False)


def test_what_was_changed_from_the_preset_stands_on_top(runs, tmp_path, no_figures):
    text = [
        part.strip()
        for part in parsed(write_report([runs[1]], tmp_path / "r.html", check=False)).text
    ]
    assert "Changed from the preset letters-3x3: 2 keys" in text
    at = text.index("array.word_line_ohm")
    assert [part for part in text[at + 1 : at + 6] if part][:2] == ["1.0", "2.0"]


def test_what_an_unfinished_budget_does_not_know_is_not_called_nothing():
    config = load("stdp-mnist")
    metrics = {
        "energy_joule": 0.0,
        "write_joule": 0.0,
        "wall_s": 1.0,
        "updates": 1873.0,
        "learning_writes": 5.0,
    }
    rows = {row["label"]: row["value"] for row in budget(metrics, config)}
    assert (
        rows["energy, training and test"] == rows["energy of programming pulses"] == "not counted"
    )
    assert rows["updates"] == "1,873"


def test_the_budget_is_that_of_the_runs_own_files(runs):
    run = RunDirectory.existing(runs[0])
    metrics, history = run.metrics(), run.history()
    rows = {row["label"]: row["value"] for row in budget(metrics, run.config())}
    assert metrics["write_joule"] == pytest.approx(history["write_joule"].sum(), rel=1e-12)
    assert metrics["energy_joule"] == pytest.approx(
        metrics["write_joule"] + metrics["read_joule"], rel=1e-12
    )
    assert rows["time of the circuit, programming pulses"] == render(
        history["pulses"].sum() * 500e-6, "s"
    )
    assert rows["time of the circuit, reads"] == render(metrics["reads"] * 1e-3, "s")
    assert np.trace(history["confusion"]) == round(metrics["test_accuracy"] * metrics["n_test"])


HOSTILE = [
    "<script>alert(1)</script>",
    "\"q\" & 's' $x$ $y$",
    "😀",
    "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk",
]


def test_hostile_names_from_a_file_end_up_as_text(tmp_path):
    """Classes, columns, file name, description: what others write goes into pages and pictures as
    it is, and breaks neither."""
    import csv

    with (tmp_path / "own.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows(
            [
                ["<b>a</b>", "g" * 300, "label"],
                *([k % 4 / 3, (k % 7) / 6, HOSTILE[k % 4]] for k in range(40)),
            ]
        )
    tables = (
        load("letters-3x3")
        .to_toml()
        .replace('source = "letters-3x3"', 'source = "file"')
        .replace('path = ""', 'path = "own.csv"')
    )
    own = tmp_path / "<i>it's&.toml"
    own.write_text(
        tables.replace('preset = "letters-3x3"', 'preset = "<i>own<i>"').replace(
            'description = "', 'description = "<script>'
        ),
        encoding="utf-8",
    )
    train(
        load(own, {"training.epochs": 1, "training.record_updates": 5}),
        engine=sn.NodalEngine(),
        out=tmp_path / "run",
    )
    report = finish_run(tmp_path / "run")[-1]
    content = report.read_text(encoding="utf-8")
    assert "<script>alert" not in content
    assert "<i>own" not in content
    assert "&lt;i&gt;own&lt;i&gt;: 3 × 8 array" in " ".join(content.split())
    parsed(report)


def test_very_many_classes_make_no_giant_picture(tmp_path):
    values = np.random.default_rng(1).random((2000, 2))
    np.savez(tmp_path / "own.npz", features=values, labels=np.arange(2000) % 1000)
    own = {"data.source": "file", "data.path": str(tmp_path / "own.npz"), "data.test_limit": 9}
    overrides = own | {"training.epochs": 0, "network.columns": "single"}
    train(load("mnist-10x10", overrides), engine=sn.NodalEngine(), out=tmp_path / "run")
    drawn = {figure.name: figure for figure in figures(RunData(tmp_path / "run"))}
    for figure in drawn.values():
        width, height = figure.figure.get_size_inches()
        assert max(width, height) < 13
    ticks = drawn["confusion"].figure.axes[0].get_xticks()
    assert len(ticks) <= 51


def test_a_network_of_several_arrays_names_them_all(tmp_path, no_figures):
    train(
        load("exsitu-xor", {"exsitu.epochs": 5, "exsitu.restarts": 1}),
        engine=sn.NodalEngine(),
        out=tmp_path / "run",
    )
    text = " ".join(parsed(write_report([tmp_path / "run"], check=False)).text)
    assert "the first of 2 arrays, of 3 × 4, 3 × 2 cells" in text
    assert "cells in the first of 2 arrays" in text


def test_gates_and_both_ends_are_drawn_or_said():
    svg = array_svg(
        (2, 2), sn.Wires(word_line_ohm=1.0, double_sided=True), "1t1r", gates_along="word"
    )
    assert svg.count(">g<") == 4
    assert "their gates on one line a word line" in svg
    assert "at both ends" in svg
    assert ">g<" not in array_svg((2, 2), sn.Wires(), "vteam")
    assert "1 word line × 2 bit lines" in array_svg((1, 2), sn.Wires(), "vteam")


def test_the_schematic_names_the_last_lines_and_the_resistances():
    svg = array_svg(
        (101, 20), sn.Wires(word_line_ohm=2.5, driver_ohm=50.0), "vteam", columns_differential=True
    )
    for text in (
        ">V100<",
        ">I19 −<",
        "101 word lines × 20 bit lines",
        "segments 2.5 Ω (word) and 1 Ω (bit), drivers 50 Ω",
    ):
        assert text in svg
    small = array_svg((1, 1), sn.Wires.ideal(), "<b>")
    assert "⋮" not in small
    assert "<b>" not in small


SMALL = {
    "letters-3x3": {},
    "mnist-10x10": {"data.train_limit": 500, "data.test_limit": 200, "training.updates": 3},
    "stdp-mnist": {"data.train_limit": 300, "data.test_limit": 100},
    "bp-mnist": {
        "data.train_limit": 300,
        "data.test_limit": 100,
        "population.hidden.neurons": 100,
        "training.epochs": 1,
    },
    "deep-mnist": {"data.train_limit": 500, "data.test_limit": 100, "training.epochs": 1},
}


@pytest.fixture(scope="module")
def report_of(tmp_path_factory):
    """Return a function from a preset to the report of a short run of it."""
    folder = tmp_path_factory.mktemp("kinds")

    @functools.cache
    def made(preset):
        train(load(preset, SMALL[preset]), engine=sn.NodalEngine(), out=folder / preset, rng_seed=1)
        return finish_run(folder / preset)[-1]

    return made


MEASURE = """
<script>
window.addEventListener("load", () => setTimeout(() => {
  const page = document.documentElement, [opened] = performance.getEntriesByType("navigation");
  const broken = [...document.images].filter((image) => !image.naturalWidth).length;
  const spent = Math.round(opened.loadEventEnd - opened.startTime);
  console.log(`measured width ${page.scrollWidth} of ${page.clientWidth}, images ${document.images.length}, broken ${broken}, opened in ${spent} ms`);
}, 0));
</script></body>
"""


def opened(report, folder, width, scheme):
    """Return what a headless Chromium says of a report: width of the page, room for it, images,
    broken ones, milliseconds from navigation to load.

    The window is 500 wide at the least there; a page of 390 in a frame stands for a phone.
    """
    page = folder / "measured.html"
    page.write_text(
        report.read_text(encoding="utf-8").replace("</body>", MEASURE), encoding="utf-8"
    )
    shown = page
    if width < 500:
        shown = folder / "phone.html"
        frame = f'<iframe src="measured.html" width="{width}" height="2300"></iframe>'
        shown.write_text(f'<!doctype html><link rel="icon" href="data:,">{frame}', encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={folder}/profile",
        f"--window-size={max(width, 500)},2400",
        f"--screenshot={folder}/page.png",
        "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    done = subprocess.run(
        ["chromium", *options, *dark, f"file://{shown}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert len(said) == 1, done.stderr  # the measurement alone: no error, no warning
    assert (folder / "page.png").stat().st_size > 20_000
    return [
        int(value)
        for value in re.search(
            r"measured width (\d+) of (\d+), images (\d+), broken (\d+), opened in (\d+) ms",
            said[0],
        ).groups()
    ]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)
@pytest.mark.parametrize("preset", list(SMALL))
def test_a_browser_opens_the_report_of_every_kind_without_an_error(
    report_of, tmp_path, preset, width, scheme
):
    report = report_of(preset)
    assert report.stat().st_size < 3e6
    across, room, images, broken, _ = opened(report, tmp_path, width, scheme)
    assert across <= room <= width  # nothing runs out of the page sideways
    assert images > 5
    assert broken == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_a_browser_opens_runs_of_every_kind_side_by_side(report_of, tmp_path, width, scheme):
    report = write_report(
        [report_of(preset).parent for preset in SMALL], tmp_path / "all.html", check=False
    )
    assert report.stat().st_size < 3e6
    across, room, images, broken, _ = opened(report, tmp_path, width, scheme)
    assert across <= room <= width
    assert images > 5 * len(SMALL)
    assert broken == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("preset", list(SMALL))
def test_a_report_opens_within_a_second(report_of, tmp_path, preset):
    """From navigation to the end of loading, every picture decoded; the best of three, since other
    programs run, too."""
    spent = []
    for name in "abc":
        (tmp_path / name).mkdir()
        spent.append(opened(report_of(preset), tmp_path / name, 1280, "light")[-1])
    print(preset, spent, "ms")
    assert min(spent) < 1000
