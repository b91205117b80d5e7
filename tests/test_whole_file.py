import pytest

from spicesnn.whole_file import appearing


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with appearing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_the_file_before_it_and_nothing_else(tmp_path, error):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def failing():
        with appearing(target) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        failing()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
