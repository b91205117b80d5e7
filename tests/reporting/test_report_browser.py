"""A report in a real browser, driven by Selenium: pointing at a map tells the values that the run's
files hold."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

import spicesnn as sn
from spicesnn.plotting.run import figures
from spicesnn.plotting.run_data import RunData
from spicesnn.reporting.hover import MOST_VALUES, hover_maps, values_in
from spicesnn.reporting.report import finish_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser") / "run"
    made = sn.train(
        "letters-3x3",
        engine="nodal",
        seed=1,
        settings={"training.epochs": 2, "array.word_line_ohm": 5},
        out=folder,
    )
    finish_run(folder)
    return made


def embedded(run):
    """Return the maps that stand in the page."""
    text = (run.path / "report.html").read_text(encoding="utf-8")
    return [
        json.loads(found)
        for found in re.findall(r'<script type="application/json">(.*?)</script>', text)
    ]


def decoded(map_, layer):
    import base64

    return np.frombuffer(base64.b64decode(map_["layers"][layer]["values"]), dtype="<f4").reshape(
        map_["shape"]
    )


def test_a_page_carries_the_conductances_and_the_states_of_every_cell(run):
    (maps,) = [
        maps
        for maps in embedded(run)
        if {found["title"] for found in maps} == {"Before training", "After training"}
    ]
    after = next(found for found in maps if found["title"] == "After training")
    state = RunData(run.path).run.load_state().devices
    assert decoded(after, 1) == pytest.approx(np.asarray(state, dtype=np.float32), rel=1e-6)
    siemens = run.history["conductance_after"]
    scale = {"S": 1.0, "mS": 1e3, "µS": 1e6, "nS": 1e9}[after["layers"][0]["unit"]]
    assert decoded(after, 0) == pytest.approx(scale * siemens, rel=1e-6)
    assert after["layers"][1]["name"].startswith("state ")


def test_maps_lie_where_the_picture_shows_them(run):
    """The colour in the middle of a cell, as the colour map gives it, is the colour of the picture
    there."""
    drawn = next(figure for figure in figures(RunData(run.path)) if figure.name == "ir-drop")
    (found,) = hover_maps(drawn)
    image = drawn.figure.axes[0].get_images()[0]
    picture, (rows, cols) = np.asarray(drawn.picture), found["shape"]
    left, top, width, height = found["box"]
    for row, column in ((1, 0), (rows - 1, cols - 1), (rows // 2, cols // 2)):
        x = int((left + width * (column + 0.3) / cols) * picture.shape[1])
        y = int((top + height * (row + 0.8) / rows) * picture.shape[0])
        wanted = 255 * np.asarray(image.to_rgba(image.get_array())[row, column, :3])
        assert picture[y, x] == pytest.approx(wanted, abs=3), (row, column)


def test_a_page_of_very_many_cells_leaves_their_values_out(run, monkeypatch):
    monkeypatch.setattr("spicesnn.reporting.report.MOST_VALUES", 3)
    *_, report = finish_run(run.path)
    assert 'type="application/json"' not in report.read_text(encoding="utf-8")
    monkeypatch.undo()
    finish_run(run.path)
    assert 0 < sum(values_in(maps) for maps in embedded(run)) <= MOST_VALUES


needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None or shutil.which("chromedriver") is None,
    reason="needs chromium and chromedriver (scripts/test.sh --browser)",
)


@pytest.fixture(
    params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")],
    ids=lambda given: f"{given[0]} {given[1]}",
)
def browser(request):
    selenium = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    width, scheme = request.param
    options = selenium.ChromeOptions()
    for option in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    driver.scheme, driver.asked_width = scheme, width
    yield driver
    driver.quit()


@pytest.mark.slow
@needs_browser
def test_pointing_at_a_cell_tells_the_value_that_the_state_file_holds(run, browser, tmp_path):
    browser.get((run.path / "report.html").as_uri())
    assert (
        browser.execute_script("return document.documentElement.scrollWidth") <= browser.asked_width
    )
    state = np.asarray(run.state["devices"])
    after = next(
        found for maps in embedded(run) for found in maps if found["title"] == "After training"
    )
    siemens = decoded(after, 0)
    left, top, width, height = after["box"]
    rows, cols = after["shape"]
    for row, column in ((0, 0), (rows - 1, cols - 1), (3, 2)):
        said = browser.execute_script(
            """
            const place = [...document.querySelectorAll(".map")].find((one) => one.querySelector("script").textContent.includes("After training"));
            place.scrollIntoView({block: "center"});
            const image = place.querySelector("img"), edge = image.getBoundingClientRect();
            image.dispatchEvent(new PointerEvent("pointermove", {bubbles: true,
              clientX: edge.left + arguments[0] * edge.width, clientY: edge.top + arguments[1] * edge.height}));
            return place.querySelector("output").textContent;
            """,
            left + width * (column + 0.5) / cols,
            top + height * (row + 0.5) / rows,
        )
        where, conductance, held = said.splitlines()
        assert where == f"word line {row}, bit line {column}"
        assert float(conductance.split()[-2]) == pytest.approx(siemens[row, column], rel=1e-4)
        assert float(held.removeprefix("state ").split(": ")[1].split()[0]) == pytest.approx(
            state[row, column], rel=1e-4
        )
    dark = browser.execute_script(
        "return getComputedStyle(document.querySelector('figure.lines img')).filter"
    )
    assert ("invert" in dark) is (browser.scheme == "dark")
    browser.save_screenshot(str(tmp_path / "page.png"))
    assert browser.get_log("browser") == []


@pytest.mark.slow
@needs_browser
def test_a_pointer_that_moves_by_hand_shows_and_hides_the_note(run, browser):
    from selenium.webdriver.common.action_chains import ActionChains

    browser.get((run.path / "report.html").as_uri())
    place = browser.find_elements("css selector", ".map")[0]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", place)
    found = json.loads(place.find_element("css selector", "script").get_attribute("textContent"))[0]
    image = place.find_element("css selector", "img")
    size, (left, top, width, height) = image.rect, found["box"]
    x, y = (left + width / 2 - 0.5) * size["width"], (top + height / 2 - 0.5) * size["height"]
    ActionChains(browser).move_to_element_with_offset(image, int(x), int(y)).perform()
    note = place.find_element("css selector", "output")
    assert note.is_displayed()
    box = note.rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= browser.asked_width
    ActionChains(browser).move_to_element(browser.find_element("css selector", "h1")).perform()
    assert not note.is_displayed()
