"""The documentation: built strictly, without a request to any other machine, and every example of
it executed."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import spicesnn
from spicesnn.cli import main
from spicesnn.devices.registry import names

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MARK = r"(?:<!-- (?P<mark>not run|slow): (?P<why>[^>]*) -->\n)?"
FENCE = re.compile(
    MARK + r"^```(?P<language>bash|python)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
BESIDE = ("data", "netlists", "examples", "scripts", "tests")
"""What a reader has beside the page: folders of the checkout …"""
COPIED = ("models", "spicesnn")
"""… and those that a page may change, of which it gets a copy."""
MOST_NOT_RUN = 7


@dataclass(frozen=True)
class Block:
    page: Path
    language: str
    text: str
    mark: str | None
    why: str


def blocks_of(text, page):
    return [
        Block(page, found["language"], found["text"], found["mark"], found["why"] or "")
        for found in FENCE.finditer(text)
    ]


BLOCKS = {page: blocks_of(page.read_text(encoding="utf-8"), page) for page in PAGES}


def pages_with(*marks):
    chosen = [
        page for page, blocks in BLOCKS.items() if any(block.mark in marks for block in blocks)
    ]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in chosen]


def executed(block, folder):
    """Run one block in a folder, as a reader would, and return how many commands it had; those of
    spicesnn in this process, which has it compiled."""
    if block.language == "python":
        exec(compile(block.text, str(block.page), "exec"), {"__name__": "__main__"})
        return 1
    if "<<" in block.text:  # a file within the block: a shell reads it whole
        shell(block.text, folder)
        return 1
    lines = [
        line
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[0] == "spicesnn":
            assert main(words[1:]) == 0, line
        else:
            shell(line, folder)
    return len(lines)


def shell(text, folder):
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in BESIDE:
        (tmp_path / name).symlink_to(ROOT / name)
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", pages_with(None))
def test_what_a_page_shows_runs(page, folder, capfd):
    assert sum(executed(block, folder) for block in BLOCKS[page] if block.mark is None) > 0


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("slow"))
def test_what_takes_longer_runs_too(page, folder, capfd):
    assert sum(executed(block, folder) for block in BLOCKS[page] if block.mark != "not run") > 0


def test_what_is_not_run_says_why_and_is_little():
    left_out = [block for blocks in BLOCKS.values() for block in blocks if block.mark == "not run"]
    assert len(left_out) <= MOST_NOT_RUN
    assert all(len(block.why) > 15 for block in left_out)
    assert sum(len(blocks) for blocks in BLOCKS.values()) > 20


def test_every_marker_stands_before_a_block():
    for page, blocks in BLOCKS.items():
        text = page.read_text(encoding="utf-8")
        assert len(re.findall(r"^<!-- (?:not run|slow):", text, flags=re.MULTILINE)) == sum(
            block.mark is not None for block in blocks
        ), page
        assert len(re.findall(r"^```(?:bash|python)", text, flags=re.MULTILINE)) == len(blocks), (
            page
        )


def hooks():
    specification = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    ["vteam", "pai-yu-chen", *(pytest.param(name, marks=pytest.mark.slow) for name in names())],
)
def test_the_example_of_a_device_page_runs(name, folder, capfd):
    pytest.importorskip("mkdocs")
    text = hooks().device_page(name)
    assert text.startswith(f"# {name}\n")
    (block,) = blocks_of(text, ROOT / "docs" / "devices" / f"{name}.md")
    executed(block, folder)
    assert float(capfd.readouterr().out) > 0


def test_the_parameters_of_a_device_page_have_units_and_ranges():
    pytest.importorskip("mkdocs")
    text = hooks().device_page("linear-drift")
    assert "| `r_on` | 100 | Ω | > 0 | resistance of the device when fully doped, x = 1 |" in text
    assert "| `x_init` | 0.314465 | 1 | ≥ 0, ≤ 1 | state of a fresh device |" in text
    assert "- `window`: `none`, `joglekar`, `biolek`, `prodromakis`" in text


def test_the_page_of_settings_has_every_key_with_default_choices_and_limit():
    pytest.importorskip("mkdocs")
    text = hooks().settings_page()
    assert "| `tau_s` | `0.00015` | membrane time constant (> 0) |" in text
    assert (
        '| `scheme` | `"half"` | voltages on the lines that are not selected: `half`, `third`, `floating`, `gated` |'
        in text
    )
    assert "| `rate_hz` | follows | poisson: events per second" in text
    keys = re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)
    assert len(keys) > 200
    for preset in (ROOT / "spicesnn" / "presets").rglob("*.toml"):
        assert {
            key
            for name, table in tomllib.loads(preset.read_text(encoding="utf-8")).items()
            if isinstance(table, dict) and name not in ("device", "set", "lines")
            for key in table
        } <= set(keys), preset


def test_the_page_of_figures_names_the_command_of_every_record():
    pytest.importorskip("mkdocs")
    records = ROOT / "docs" / "records"
    text = hooks().figures_page(records)
    for path in records.glob("*.toml"):
        record = tomllib.loads(path.read_text(encoding="utf-8"))
        if "claim" in record:
            assert f"| `{record.get('command', record.get('file'))}` |" in text.replace(
                "&#124;", "|"
            ), path.name


def test_formulas_of_docstrings_become_markdown():
    pytest.importorskip("mkdocs")
    assert (
        hooks().markdown("A :math:`x` is\n\n.. math:: x = 1\n\n   y = 2\n\nand on.")
        == "A $x$ is\n\n\n$$\nx = 1\ny = 2\n$$\n\nand on."
    )


def test_two_formulas_of_a_docstring_in_a_row_are_two():
    pytest.importorskip("mkdocs")
    assert hooks().markdown(".. math:: x = 1\n\n.. math::\n\n   y = 2").split("$$") == [
        "\n",
        "\nx = 1\n",
        "\n\n",
        "\ny = 2\n",
        "",
    ]


def test_statements_of_a_formula_part_only_outside_brackets():
    pytest.importorskip("mkdocs")
    formula = r"x = 1, \qquad y = \frac{a \quad b}{2}; \quad z = \left[ 3 \quad 4 \right], \; u"
    assert hooks().statements(formula) == [
        "x = 1,",
        r"y = \frac{a \quad b}{2};",
        r"z = \left[ 3 \quad 4 \right], \; u",
    ]


def test_every_device_has_its_figure_and_no_picture_is_large():
    pictures = {path.stem: path for path in (ROOT / "docs" / "images" / "devices").glob("*.png")}
    assert set(names()) <= set(pictures)
    for path in (ROOT / "docs" / "images").rglob("*.png"):
        limit = 150_000 if path.parent.name != "images" else 400_000  # the README's own two
        assert path.stat().st_size < limit, path


def test_every_experiment_has_its_page_and_its_line_and_every_study_is_named():
    presets = ROOT / "spicesnn" / "presets"
    index = (ROOT / "docs" / "experiments" / "index.md").read_text(encoding="utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in presets.glob("*.toml"):
        page = (ROOT / "docs" / "experiments" / f"{path.stem}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {path.stem}\n\n**Question:** ")
        assert "**Result" in page
        assert re.search(
            rf"!\[[^]]+\]\(\.\./images/experiments/{path.stem}-[a-z-]+\.png\)", page
        ), path.stem
        assert f'--8<-- "spicesnn/presets/{path.name}"' in page
        assert f"| [{path.stem}]({path.stem}.md) |" in index
        assert f"- {path.stem}: experiments/{path.stem}.md" in navigation
    studies = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    assert [
        path.stem for path in (presets / "studies").glob("*.toml") if path.stem not in studies
    ] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(folder),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_is_whole_and_its_formulas_need_no_script(site):
    text = (site / "devices" / "linear-drift.html").read_text(encoding="utf-8")
    assert "<math" in text
    assert "arithmatex" not in text
    assert "../images/devices/linear-drift.png" in text
    for name in (*names(), "index"):
        assert (site / "devices" / f"{name}.html").is_file()
    api = (site / "api.html").read_text(encoding="utf-8")
    for name in (
        "spicesnn.crossbar.crossbar.Crossbar",
        "spicesnn.engines.base.Engine.read",
        "spicesnn.estimator.CrossbarClassifier.fit",
    ):
        assert f'id="{name}"' in api


def test_no_page_asks_another_machine_for_anything(site):
    away = r"[\"']?(?:https?:)?//"
    asking = re.compile(
        rf"<(?:script|img|iframe|source)[^>]*\ssrc={away}|<link(?![^>]*canonical)[^>]*href={away}|@import|url\({away}"
    )
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 40
    assert [path.name for path in pages if asking.search(path.read_text(encoding="utf-8"))] == []


def test_every_formula_is_drawn_and_every_figure_opens_in_full(site):
    for path in site.rglob("*.html"):
        text = re.sub(
            r"<(code|script)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        assert re.findall(r"\$\$|\\frac|\\qquad|arithmatex", text) == [], path
        for found in re.finditer(r'<img alt="[^"]*" src="([^"]+)"', text):
            assert text[: found.start()].endswith(f'href="{found[1]}">'), found[0]
            assert (path.parent / found[1]).is_file()


def said_by_a_browser(folder, body):
    """Show a page in headless Chromium, which reaches no other machine, and return what pages in it
    have written to the console."""
    (folder / "all.html").write_text(
        f'<!doctype html><link rel="icon" href="data:,">{body}', encoding="utf-8"
    )
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
        "--enable-logging=stderr",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--window-size=1400,1000",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    done = subprocess.run(
        ["chromium", *options, f"file://{folder}/all.html"],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


MEASURE = """
<script>
window.addEventListener("load", () => setTimeout(() => {
  const page = document.documentElement;
  const broken = [...document.images].filter((image) => !image.naturalWidth).length;
  console.log(`measured ${page.scrollWidth} of ${page.clientWidth}, broken ${broken}`);
}, 300));
</script></body>
"""
SEARCH = """
<script>
const query = document.querySelector("[data-md-component=search-query]");
new MutationObserver(() => {
  const found = [...document.querySelectorAll(".md-search-result__link")].map((link) => link.getAttribute("href").replace(/[?#].*/, ""));
  if (found.length) console.log(`found ${found.join(" ")}`);
}).observe(document.querySelector(".md-search-result__list"), {childList: true});
setTimeout(() => { query.focus(); query.value = "Prezioso"; query.dispatchEvent(new Event("keyup")); }, 1000);
</script></body>
"""


def with_script(site, folder, script):
    """Copy the site with a script at the end of each page."""
    shutil.copytree(site, folder)
    pages = [path for path in folder.rglob("*.html") if path.name != "404.html"]
    for path in pages:
        path.write_text(
            path.read_text(encoding="utf-8").replace("</body>", script), encoding="utf-8"
        )
    return pages


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_browser(site, width, tmp_path):
    """All pages in frames of one window, opened from the folder: no error, every figure there,
    nothing that moves sideways."""
    pages = with_script(site, tmp_path / "site", MEASURE)
    frames = [
        f'<iframe src="{path.relative_to(tmp_path)}" width="{width}" height="900"></iframe>'
        for path in pages
    ]
    said = said_by_a_browser(tmp_path, "".join(frames))
    found = [re.search(r"measured (\d+) of (\d+), broken 0", line) for line in said]
    assert len(found) == len(pages)
    assert all(match and int(match[1]) <= int(match[2]) == width for match in found), said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_the_search_works_in_a_page_opened_from_the_folder(site, tmp_path):
    with_script(site, tmp_path / "site", SEARCH)
    said = said_by_a_browser(
        tmp_path, '<iframe src="site/index.html" width="1280" height="900"></iframe>'
    )
    assert any(
        re.search(r"found .*(physics|letters-3x3|manhattan-4x4)\.html", line) for line in said
    ), said


def test_the_citation_names_the_version_of_the_package():
    assert f"version: {spicesnn.__version__}\n" in (ROOT / "CITATION.cff").read_text(
        encoding="utf-8"
    )
