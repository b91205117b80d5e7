"""Where SPICE models that are made on demand are written."""

import tempfile

import pytest

from spicesnn.devices import generated


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    generated._own_folder.cache_clear()
    yield tmp_path
    generated._own_folder.cache_clear()


def test_the_same_text_is_one_file_and_another_text_another(temporary):
    first, again = (
        generated.written_model("mine", "* one"),
        generated.written_model("mine", "* one"),
    )
    other = generated.written_model("mine", "* two")
    assert first == again != other
    assert (first.name, first.read_text(), other.read_text()) == ("mine.lib", "* one", "* two")
    first.write_text("* damaged")
    assert generated.written_model("mine", "* one").read_text() == "* one"


def test_a_folder_that_others_can_write_to_is_not_used(temporary):
    place = generated.written_model("mine", "* one").parent.parent
    place.chmod(0o777)
    generated._own_folder.cache_clear()
    moved = generated.written_model("mine", "* one").parent.parent
    assert moved != place
    assert moved.stat().st_mode & 0o077 == 0


def test_a_link_in_its_place_is_not_followed(temporary):
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    place = generated.written_model("mine", "* one").parent.parent
    place.rename(temporary / "old")
    place.symlink_to(elsewhere)
    generated._own_folder.cache_clear()
    generated.written_model("mine", "* one")
    assert not list(elsewhere.iterdir())


def test_a_file_in_its_place_is_left_alone(temporary):
    place = generated.written_model("mine", "* one").parent.parent
    place.rename(temporary / "old")
    place.write_text("somebody's")
    generated._own_folder.cache_clear()
    assert generated.written_model("mine", "* one").read_text() == "* one"
    assert place.read_text() == "somebody's"
