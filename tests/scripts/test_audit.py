"""Figures of the documentation: tied to a command or a record, or given; a mismatch, a loose number
and a stale claim are faults."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def audit():
    specification = importlib.util.spec_from_file_location("audit", ROOT / "scripts" / "audit.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["audit"] = module
    specification.loader.exec_module(module)
    return module


def test_every_figure_agrees_with_its_record_and_none_is_loose(audit):
    assert audit.audit(ROOT) == []


def test_commands_that_take_seconds_print_what_the_pages_say(audit):
    assert audit.audit(ROOT, "fast") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "records").glob("*.toml")), ids=lambda path: path.stem
)
def test_commands_that_take_minutes_print_what_the_pages_say(audit, path):
    if path.name == "given.toml" or audit.read_record(path).runs != "slow":
        pytest.skip("no command of minutes")
    assert audit.audit(ROOT, (path.stem,)) == []


RECORD = """
command = "echo accuracy 0.9034"
runs = "fast"
commit = "abc"
date = 2026-11-29
machine = "one"
output = '''
accuracy 0.9034
'''

[[claim]]
page = "README.md"
text = "reaches {%} % of the images"
from = "accuracy {}"
"""


def folder(tmp_path, page, record=RECORD, given="anywhere = ['\\d+×\\d+']\n"):
    (tmp_path / "docs" / "records").mkdir(parents=True)
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    (tmp_path / "docs" / "records" / "accuracy.toml").write_text(record, encoding="utf-8")
    (tmp_path / "docs" / "records" / "given.toml").write_text(given, encoding="utf-8")
    return tmp_path


def test_a_rounded_figure_agrees_and_sizes_are_given(audit, tmp_path):
    assert (
        audit.audit(folder(tmp_path, "An 8×8 array reaches 90.3 % of the\nimages.\n"), "fast") == []
    )


def test_a_figure_that_differs_in_its_last_digit_is_a_fault(audit, tmp_path):
    (fault,) = audit.audit(folder(tmp_path, "It reaches 90.4 % of the images.\n"))
    assert "the page says 90.4, echo accuracy 0.9034 says 0.9034" in fault


def test_a_command_that_prints_something_else_by_now_is_a_fault(audit, tmp_path):
    root = folder(
        tmp_path,
        "It reaches 90.3 % of the images.\n",
        RECORD.replace("echo accuracy 0.9034", "echo accuracy 0.91"),
    )
    assert audit.audit(root) == []
    (fault,) = audit.audit(root, "fast")
    assert "the page says 90.3, echo accuracy 0.91 now says 0.91" in fault


@pytest.mark.parametrize(
    "loose", ["3 times as fast", "in 0.5 s", "to 1e-9", "of 12,000 draws", "(98.2 %)"]
)
def test_a_number_that_is_tied_to_nothing_is_a_fault_with_its_line(audit, tmp_path, loose):
    faults = audit.audit(folder(tmp_path, f"It reaches 90.3 % of the images,\n{loose}.\n"))
    assert len(faults) == 1
    assert faults[0].startswith("README.md:2: ")
    assert "is tied to no command or record" in faults[0]


@pytest.mark.parametrize(
    "page",
    ["90.3 % is reached.\n", "It reaches 90.3 % of the images. It reaches 90.3 % of the images.\n"],
)
def test_a_claim_must_be_on_its_page_once(audit, tmp_path, page):
    assert any(
        "times on the page, expected once" in fault for fault in audit.audit(folder(tmp_path, page))
    )


def test_a_given_that_is_on_no_page_is_a_fault(audit, tmp_path):
    root = folder(
        tmp_path,
        "It reaches 90.3 % of the images.\n",
        given='[[given]]\npage = "README.md"\ntext = ["for 5 ms"]\n',
    )
    assert audit.audit(root) == ["given.toml: 'for 5 ms' is not on README.md"]


@pytest.mark.parametrize("missing", ["commit", "date", "machine"])
def test_a_record_says_where_it_comes_from(audit, tmp_path, missing):
    record = "\n".join(line for line in RECORD.splitlines() if not line.startswith(missing))
    faults = audit.audit(folder(tmp_path, "It reaches 90.3 % of the images.\n", record))
    assert faults[0].startswith(f"accuracy.toml: {missing} is missing")


@pytest.mark.parametrize(
    ("shown", "exact", "mark", "right"),
    [
        ("0.27", "0.2651", "", True),
        ("0.27", "0.2649", "", False),
        ("12", "12.4", "", True),
        ("12", "12.6", "", False),
        ("2.7e-5", "2.74e-05", "", True),
        ("2.7e-5", "2.76e-05", "", False),
        ("−0.3", "-0.3", "", True),
        ("10,000", "10000", "", True),
        ("90.3", "0.9034", "%", True),
        ("4.7", "0.0047", "*1e3", True),
        ("1e-9", "3e-12", "<", True),
        ("1e-9", "2e-9", "<", False),
        ("3", "4", ">", True),
        ("40", "38.2", "~", True),
        ("40", "35", "~", False),
    ],
)
def test_numbers_agree_to_the_digits_shown(audit, shown, exact, mark, right):
    assert audit.agrees(shown, exact, mark) is right


def test_a_time_may_be_off_by_its_factor_only_when_it_is_measured_again(audit):
    assert audit.agrees("0.020", "0.035", "", within=2.0)
    assert not audit.agrees("0.020", "0.041", "", within=2.0)
    assert not audit.agrees("0.020", "0.035", "")


def test_a_new_record_is_written_with_what_the_command_prints(audit, tmp_path, monkeypatch):
    root = folder(
        tmp_path,
        "It reaches 91 % of the images.\n",
        RECORD.replace("echo accuracy 0.9034", "echo accuracy 0.91"),
    )
    for command in (
        ["git", "init", "-q"],
        [
            "git",
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "x",
        ],
    ):
        audit.subprocess.run(command, cwd=root, check=True)
    assert audit.audit(root, ("accuracy",), write=True) == []
    assert "accuracy 0.91\n" in (root / "docs" / "records" / "accuracy.toml").read_text(
        encoding="utf-8"
    )
    shutil.rmtree(root / ".git")
