"""The mutation run: what it mutates, what it leaves alone, which tests it takes; and, slowly, a
small part of it."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
SOURCE = textwrap.dedent('''
    """A module with µ and Ω, so that characters are not bytes."""
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        x = 1 + 1
    LIMIT: float = 0.5
    @cached(maxsize=8)
    def energy(volts: "V²", amps, *, seconds=2):
        """Return 1 + 1."""
        assert amps > 0
        if volts < 3 and not amps:
            raise ValueError(f"{volts + 1} Ω" + "m")
        total = -volts * amps
        total += seconds
        report(total)
        return max(total, values[0])
''')


def described(script, text):
    found = script("mutation").mutants("spicesnn/x.py", text)
    return [(m.line, " ".join(m.before.split()), m.after) for m in found]


def test_operators_comparisons_numbers_signs_and_statements_are_mutated_and_nothing_else(script):
    assert described(script, SOURCE) == [
        (6, "0.5", "0.51"),
        (8, "2", "3"),
        (8, "2", "1"),
        (11, "volts < 3 and not amps", "(not (volts < 3 and (not amps)))"),
        (11, "volts < 3 and not amps", "(volts < 3 or not amps)"),
        (11, "volts < 3", "(volts <= 3)"),
        (11, "volts < 3", "(volts > 3)"),
        (11, "3", "4"),
        (11, "3", "2"),
        (11, "not amps", "(amps)"),
        (13, "-volts * amps", "(-volts / amps)"),
        (13, "-volts", "(volts)"),
        (14, "total += seconds", "total -= seconds"),
        (14, "total += seconds", "pass"),
        (15, "report(total)", "pass"),
        (16, "max", "min"),
        (16, "0", "1"),
    ]


def test_a_mutant_changes_its_own_place_alone(script):
    mutants = script("mutation").mutants("spicesnn/x.py", SOURCE)
    for mutant in mutants:
        made = mutant.applied(SOURCE)
        compile(made, "x.py", "exec")
        assert made != SOURCE
        assert made.startswith(SOURCE[: mutant.begin])
        assert made.endswith(SOURCE[mutant.end :])


def test_the_draw_follows_from_the_seed_and_every_folder_has_its_share(script):
    mutation = script("mutation")
    first, again, other = (
        mutation.chosen(HOME, ["learning", "neurons"], 12, seed) for seed in (1, 1, 2)
    )
    assert {folder: len(found) for folder, found in first.items()} == {
        "learning": 12,
        "neurons": 12,
    }
    assert first == again
    assert first != other
    plain = mutation.chosen(HOME, ["neurons"], 0, 0, compiled=False)["neurons"]
    assert not {m.file for m in plain} & {
        "spicesnn/neurons/equations.py",
        "spicesnn/neurons/conductance_lif.py",
    }


def test_a_module_is_judged_by_the_tests_that_import_it_first(script):
    select = script("mutation").Selection(HOME)
    for module, test in (
        ("spicesnn/learning/schemes.py", "tests/learning/test_schemes.py"),
        ("spicesnn/learning/metrics.py", "tests/learning/test_metrics.py"),
        ("spicesnn/units.py", "tests/test_units.py"),
        ("spicesnn/learning/votes.py", "tests/learning/test_votes.py"),
    ):
        assert test in select.of(module)[0]


def test_defaults_and_fields_stand_in_no_body(script):
    inside = {
        line: script("mutation").in_a_body(SOURCE, line)
        for line in range(1, SOURCE.count("\n") + 1)
    }
    assert {line for line, found in inside.items() if found} == set(range(9, 17))


def test_what_counts_as_equivalent_is_still_there(script):
    for entry in script("mutation").equivalents():
        lines = (HOME / entry["file"]).read_text(encoding="utf-8").splitlines()
        assert any(entry["text"] in line for line in lines), entry
        assert len(entry["reason"]) > 20


def test_scores_count_no_equivalent_mutants(script):
    mutation = script("mutation")
    mutant = mutation.Mutant("spicesnn/learning/a.py", 1, 0, 1, "1", "2", "constant")
    verdicts = [
        mutation.Verdict(mutant, status, 1.0, 1)
        for status in ("killed", "killed", "killed", "survived", "equivalent")
    ]
    assert mutation.score(verdicts) == 0.75
    assert "| learning | 5 | 3 | 1 | 1 | 75.0 % |" in mutation.table(verdicts)


@pytest.mark.slow
def test_a_small_part_of_the_run(tmp_path):
    """Ten mutants of a few folders without compiled code: nearly all are noticed
    (`scripts/mutation.py` alone runs them all)."""
    command = [
        sys.executable,
        "scripts/mutation.py",
        "learning",
        "datasets",
        "reporting",
        "neurons",
        "--count",
        "10",
        "--seed",
        "3",
        "--plain",
        "--budget",
        "15",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    print(done.stdout[-3000:])
    table = (tmp_path / "score.md").read_text(encoding="utf-8")
    last = table.strip().splitlines()[-1]
    assert last.startswith("| all | 40 |")
    assert float(last.split("|")[-2].strip(" %")) >= 80.0, (tmp_path / "survivors.md").read_text(
        encoding="utf-8"
    )


def test_a_file_that_takes_the_process_down_leaves_the_others_measured(script, tmp_path):
    bench = script("mutation").Bench(tmp_path / "home", tmp_path / "code")
    (tmp_path / "home").mkdir()
    texts = {
        "test_a.py": "def test(): pass",
        "test_b.py": "import os\ndef test(): pass\ndef test_down(): os._exit(3)",
        "test_c.py": "def test(): assert False",
        "test_d.py": "def test(): pass",
        "test_none.py": "",
    }
    for name, text in texts.items():
        (tmp_path / "home" / name).write_text(text)
    seconds = bench.measured(list(texts), 60.0)
    assert list(seconds) == list(texts)
    assert [value >= 0 for value in seconds.values()] == [True, False, False, True, False]


def test_tests_that_enter_a_line_are_found_near_ones_first_and_then_the_quickest(script, tmp_path):
    coverage = pytest.importorskip("coverage")
    data = coverage.CoverageData(str(tmp_path / "coverage"))
    path = "/somewhere/spicesnn/learning/a.py"
    for test, lines in (
        ("", [1, 2]),
        ("tests/learning/test_a.py::Test::test_slow[x]|run", [2, 3]),
        ("tests/cli/test_c.py::test_far|run", [3]),
        ("tests/cli/test_c.py::test_quick|setup", [3, 4]),
    ):
        data.set_context(test)
        data.add_lines({path: lines})
    data.write()
    (tmp_path / "times.xml").write_text(
        "<testsuites><testsuite>"
        '<testcase classname="tests.learning.test_a.Test" name="test_slow[x]"'
        ' file="tests/learning/test_a.py" time="2.5"/>'
        '<testcase classname="tests.cli.test_c" name="test_far" file="tests/cli/test_c.py" time="1"/>'
        '<testcase classname="tests.cli.test_c" name="test_quick" file="tests/cli/test_c.py"'
        ' time="0.5"/></testsuite></testsuites>'
    )
    lines = script("mutation").Lines(tmp_path)
    near = ["tests/learning/test_a.py"]
    slow, far, quick = (
        "tests/learning/test_a.py::Test::test_slow[x]",
        "tests/cli/test_c.py::test_far",
        "tests/cli/test_c.py::test_quick",
    )
    assert list(lines.of("spicesnn/learning/a.py", 3, 3, near).items()) == [
        (slow, 2.5),
        (quick, 0.5),
        (far, 1.0),
    ]
    assert [*lines.of("spicesnn/learning/a.py", 2, 2, near)] == [slow]
    assert [*lines.of("spicesnn/learning/a.py", 3, 4, [])] == [quick, far, slow]
    assert lines.of("spicesnn/learning/a.py", 1, 1, near) == {}
    assert lines.of("spicesnn/learning/b.py", 1, 1, near) is None
