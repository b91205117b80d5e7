"""Recordings of events: what is written byte by byte is read exactly, and what is cut, damaged or
unknown is refused by its offset.
"""

import struct
import tracemalloc
from contextlib import suppress

import event_files as made
import numpy as np
import pytest

import spicesnn as sn
from spicesnn.errors import AbsentError, DataError, InputError

MILLION = 1_000_000


def same(events, t_us, x, y, p):
    np.testing.assert_array_equal(np.rint(events.t * 1e6).astype(np.int64), t_us)
    np.testing.assert_array_equal(events.t, np.asarray(t_us) / 1e6)
    np.testing.assert_array_equal(events.x, x)
    np.testing.assert_array_equal(events.y, y)
    np.testing.assert_array_equal(events.p, p)


def saved(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_million_events_of_forty_bits_are_read_exactly(tmp_path):
    t, x, y, p = made.drawn(MILLION, 34, 34)
    same(sn.read_events(saved(tmp_path, "a.bin", made.nmnist(t, x, y, p))), t, x, y, p)


def test_every_place_of_forty_bits_is_read_also_the_row_that_may_be_a_mark(tmp_path):
    t, x, y, p = made.drawn(5000, 256, 256, seed=1)
    events = sn.read_events(saved(tmp_path, "a.bin", made.nmnist(t, x, y, p)))
    same(events, t, x, y, p)
    assert np.any(events.y == 240)
    assert "5,000 events" in events.remarks[0]


def test_a_clock_of_thirteen_bits_is_carried_on_at_its_marks(tmp_path):
    t = np.array([100, 8000, 0, 50, 8191, 3, 8000])
    y = np.array([1, 2, 240, 4, 5, 240, 7])
    events = sn.read_events(
        saved(tmp_path, "a.bin", made.nmnist(t, np.arange(7), y, np.ones(7, int)))
    )
    same(events, [100, 8000, 8242, 16383, 24384], [0, 1, 3, 4, 6], [1, 2, 4, 5, 7], np.ones(5))
    assert "2 marks at y = 240" in events.remarks[1]


@pytest.mark.parametrize("count", [5, 1, 0])
def test_a_cut_bin_file_is_refused_with_the_offset_of_the_cut_event(count, tmp_path):
    t, x, y, p = made.drawn(count, 34, 34)
    content = made.nmnist(t, x, y, p)
    assert len(sn.read_events(saved(tmp_path, "whole.bin", content))) == count
    if count:
        with pytest.raises(
            DataError,
            match=rf"ends at byte {5 * count - 2:,}, inside the event that begins at byte {5 * count - 5} \(3 of 5 bytes\)",
        ):
            sn.read_events(saved(tmp_path, "cut.bin", content[:-2]))


def test_a_million_events_of_a_dvs128_are_read_exactly(tmp_path):
    t, x, y, p = made.drawn(MILLION, 128, 128, most_us=2**31 - 1)
    events = sn.read_events(saved(tmp_path, "a.aedat", made.aedat_2(made.dvs128(x, y, p), t)))
    same(events, t, x, y, p)
    assert events.shape == (128, 128)


def test_events_of_a_davis_are_told_from_frames_and_triggers(tmp_path):
    t, x, y, p = made.drawn(2000, 180, 240, most_us=10**6)
    address = made.davis(x, y, p)
    address[::7] |= 1 << 31
    address[3::7] |= 1 << 10
    kept = np.ones(2000, dtype=bool)
    kept[::7] = kept[3::7] = False
    header = (
        "#!AER-DAT2.0",
        "# AEChip: eu.seebetter.ini.chips.davis.Davis240C",
        "#End Of ASCII Header",
    )
    events = sn.read_events(saved(tmp_path, "a.aedat", made.aedat_2(address, t, header)))
    same(events, t[kept], x[kept], y[kept], p[kept])
    assert events.shape == (180, 240)
    assert "286 samples of frames" in events.remarks[1]
    assert "286 external events" in events.remarks[2]


def test_the_sensor_is_asked_for_where_the_file_does_not_say_it(tmp_path):
    header = ("#!AER-DAT2.0",)
    path = saved(tmp_path, "a.aedat", made.aedat_2([made.davis(200, 100, 1)], [5], header))
    with pytest.raises(DataError, match=r'names no sensor .* say sensor = "davis"'):
        sn.read_events(path)
    same(sn.read_events(path, sensor="davis"), [5], [200], [100], [1])
    with pytest.raises(InputError, match="expected one of: dvs128, davis"):
        sn.read_events(path, sensor="atis")
    with pytest.raises(
        DataError, match=r"byte 14: the address 0x190c8800 has more than the 16 bits of a DVS128"
    ):
        sn.read_events(path, sensor="dvs128")
    named = ("#!AER-DAT2.0", "# AEChip: eu.seebetter.ini.chips.cochlea.CochleaAMS1c")
    with pytest.raises(DataError, match="CochleaAMS1c', which is not known"):
        sn.read_events(saved(tmp_path, "b.aedat", made.aedat_2([1], [5], named)))
    assumed = sn.read_events(
        saved(tmp_path, "c.aedat", made.aedat_2([made.dvs128(3, 9, 0)], [5], header))
    )
    assert "assumed" in assumed.remarks[0]


def test_the_clock_of_aedat_2_is_carried_on_where_it_overflows(tmp_path):
    t = [2**31 - 2, -(2**31), -(2**31) + 5]
    events = sn.read_events(saved(tmp_path, "a.aedat", made.aedat_2([1, 1, 1], t)))
    same(events, [2**31 - 2, 2**31, 2**31 + 5], [0] * 3, [0] * 3, [1] * 3)
    assert "overflowed 1 time" in events.remarks[1]


def test_a_cut_aedat_2_is_refused_with_its_offset(tmp_path):
    content = made.aedat_2([1, 2, 3], [1, 2, 3])
    begin = len(content) - 24
    with pytest.raises(
        DataError,
        match=rf"ends at byte {begin + 19}, inside the event that begins at byte {begin + 16} \(3 of 8 bytes\)",
    ):
        sn.read_events(saved(tmp_path, "a.aedat", content[:-5]))


def test_a_million_events_of_aedat_3_are_read_exactly(tmp_path):
    t, x, y, p = made.drawn(MILLION, 180, 240, most_us=2**31 - 1)
    words = np.stack([made.polarity_3(x, y, p), t], axis=1)
    packets = [made.packet_3(words[k : k + 4096]) for k in range(0, MILLION, 4096)]
    events = sn.read_events(saved(tmp_path, "a.aedat", made.aedat_3(packets)))
    same(events, t, x, y, p)
    assert events.shape == (180, 240)
    assert "DAVIS240C" in events.remarks[0]


def test_other_events_of_aedat_3_are_counted_and_the_clock_carried_on(tmp_path):
    x, y, p = np.array([32767, 0, 5]), np.array([0, 32767, 6]), np.array([1, 0, 1])
    data = made.polarity_3(x, y, p)
    data[2] &= ~1
    packets = [
        made.packet_3([(0, 0)] * 3, kind=0),
        made.packet_3(np.stack([data, [7, 8, 9]], axis=1), overflow=1, valid=2),
        made.packet_3([(0, 0)] * 10, kind=2, size=40, capacity=2, number=2),
    ]
    events = sn.read_events(saved(tmp_path, "a.aedat", made.aedat_3(packets)))
    same(events, [2**31 + 7, 2**31 + 8], x[:2], y[:2], p[:2])
    assert events.remarks[1:] == (
        "3 special events left out: no change of a pixel",
        "2 frame events left out: no change of a pixel",
        "1 event marked as not valid left out",
    )


def broken_3(**changes):
    good = made.packet_3([(made.polarity_3(1, 2, 1), 3)] * 4, **changes)
    return made.aedat_3([made.packet_3([(made.polarity_3(1, 2, 1), 3)]), good])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            made.aedat_3([made.packet_3([(1, 3)] * 4)])[:-9],
            r"claims 32 bytes of events, and 23 are there: the file is cut after event 2, at byte 152",
        ),
        (
            made.aedat_3([made.packet_3([(1, 3)])])[:-20],
            r"ends at byte 124, inside the packet header that begins at byte 108",
        ),
        (broken_3(kind=99), "packet at byte 144: event type 99; expected 0 to 13"),
        (broken_3(size=12), "claims 48 bytes of events, and 32 are there"),
        (broken_3(size=4), "polarity events of 4 bytes"),
        (broken_3(capacity=3), "4 of 3 events"),
        (broken_3(source=2), "has polarity events of 2 sensors"),
        (broken_3(number=2**31 - 1), "claims 17,179,869,176 bytes"),
        (made.aedat_3([], made.HEADER_3[:-1]), "no line #!END-HEADER"),
        (
            made.aedat_3([], ("#!AER-DAT3.1", "#Format: SERIAL_TS", "#!END-HEADER")),
            "'SERIAL_TS'; expected RAW",
        ),
        (b"#!AER-DAT3.0\r\n", "is AEDAT 3.0; expected 2.0, 3.1 or 4.0"),
    ],
)
def test_damaged_aedat_3_is_refused_by_offset(content, words, tmp_path):
    with pytest.raises(DataError, match=words):
        sn.read_events(saved(tmp_path, "a.aedat", content))


UNIX = 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("compression", "pack"),
    [(0, bytes), (1, made.lz4_by_hand), (2, lambda one: made.lz4_by_hand(one, checksum=True))],
)
def test_a_million_events_of_aedat_4_are_read_exactly(compression, pack, tmp_path):
    count = MILLION if compression == 0 else 50_000
    t, x, y, p = made.drawn(count, 260, 346, most_us=2**40)
    parts = [
        made.events_4(UNIX + t[k : k + 9999], x[k : k + 9999], y[k : k + 9999], p[k : k + 9999])
        for k in range(0, count, 9999)
    ]
    events = sn.read_events(saved(tmp_path, "a.aedat4", made.aedat_4(parts, compression, pack)))
    same(events, t - t[0], x, y, p)
    assert events.shape == (260, 346)
    assert f"Unix time {(UNIX + t[0]) / 1e6:.6f} s" in events.remarks[0]


@pytest.mark.parametrize(("package", "compression"), [("lz4.frame", 1), ("zstandard", 3)])
def test_aedat_4_packed_by_other_libraries_is_read_exactly(package, compression, tmp_path):
    library = pytest.importorskip(package)
    pack = library.compress if compression == 1 else library.ZstdCompressor().compress
    t, x, y, p = made.drawn(60_000, 20, 30)
    parts = [
        made.events_4(UNIX + t[k : k + 7000], x[k : k + 7000], y[k : k + 7000], p[k : k + 7000])
        for k in range(0, 60_000, 7000)
    ]
    content = made.aedat_4(parts, compression, pack)
    same(sn.read_events(saved(tmp_path, "a.aedat4", content)), t - t[0], x, y, p)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        hurt = bytearray(content)
        hurt[rng.integers(14, len(hurt))] ^= 1 << rng.integers(8)
        with suppress(DataError):
            sn.read_events(saved(tmp_path, "hurt.aedat4", bytes(hurt)))


def test_other_packets_of_aedat_4_are_counted_and_its_table_is_passed_over(tmp_path):
    t, x, y, p = made.drawn(10, 5, 6)
    frames = made.flat(b"FRME", [("q", 0)], [])
    content = made.aedat_4([made.events_4(t, x, y, p), frames])
    content = made.aedat_4([made.events_4(t, x, y, p), frames], table_at=len(content)) + made.flat(
        b"FTAB", [("q", 0)], []
    )
    events = sn.read_events(saved(tmp_path, "a.aedat4", content))
    same(events, t - t[0], x, y, p)
    assert events.remarks[1] == "1 packet of frames left out"


def test_damaged_aedat_4_is_refused_by_offset(tmp_path):
    t, x, y, p = made.drawn(10, 5, 6)
    whole = made.aedat_4([made.events_4(t, x, y, p)] * 2)
    begin = whole.rindex(b"EVTS") - 16
    with pytest.raises(
        DataError, match=rf"packet at byte {begin} claims \d+ bytes, and \d+ are there"
    ):
        sn.read_events(saved(tmp_path, "a.aedat4", whole[:-3]))
    with pytest.raises(DataError, match=rf"inside the packet header that begins at byte {begin}"):
        sn.read_events(saved(tmp_path, "a.aedat4", whole[: begin + 3]))
    with pytest.raises(DataError, match="inside the header that begins at byte 14"):
        sn.read_events(saved(tmp_path, "a.aedat4", whole[:40]))
    hurt = bytearray(whole)
    struct.pack_into("<I", hurt, begin + 12, 2**31)
    with pytest.raises(
        DataError,
        match=rf"packet at byte {begin} is damaged: an offset of a FlatBuffer leads out of it",
    ):
        sn.read_events(saved(tmp_path, "a.aedat4", bytes(hurt)))
    with pytest.raises(DataError, match="compression 9"):
        sn.read_events(saved(tmp_path, "a.aedat4", made.aedat_4([], 9)))
    with pytest.raises(DataError, match="is no LZ4 frame"):
        sn.read_events(saved(tmp_path, "a.aedat4", made.aedat_4([made.events_4(t, x, y, p)], 1)))


def test_files_that_claim_absurd_sizes_make_nothing_of_that_size(tmp_path):
    t, x, y, p = made.drawn(10, 5, 6)
    hurt = bytearray(made.aedat_4([made.events_4(t, x, y, p)]))
    struct.pack_into("<I", hurt, len(hurt) - 16 * 10 - 4, 2**31)
    hostile = [
        saved(tmp_path, "a.aedat", broken_3(number=2**31 - 1)),
        saved(tmp_path, "b.aedat4", bytes(hurt)),
        saved(
            tmp_path,
            "c.aedat4",
            made.aedat_4(
                [b""], 1, lambda _: struct.pack("<IBBBI", 0x184D2204, 0x60, 0x70, 0, 2**31 - 1)
            ),
        ),
        saved(tmp_path, "d.aedat4", b"#!AER-DAT4.0\r\n" + struct.pack("<i", 2**31 - 1)),
    ]
    tracemalloc.start()
    for path in hostile:
        with pytest.raises(DataError):
            sn.read_events(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


# -- spike trains and arrays -----------------------------------------------------------------------


def trains(count, units=700, seed=3):
    rng = np.random.default_rng(seed)
    return [
        (np.sort(rng.uniform(0, 1.2, n)).astype(np.float32), rng.integers(0, units, n))
        for n in rng.integers(1, 300, count)
    ]


@pytest.mark.parametrize(
    "more", [{}, {"maxshape": (None,), "chunks": (4,)}, {"chunks": (4,), "compression": "gzip"}]
)
def test_spike_trains_in_hdf5_are_read_exactly(more, tmp_path):
    pytest.importorskip("h5py")
    parts = trains(20)
    path = made.spike_trains(tmp_path / "a.h5", parts, np.arange(20) % 5, **more)
    for k, (times, units) in enumerate(parts):
        events = sn.read_events(path, sample=k)
        np.testing.assert_array_equal(events.t, times.astype(float))
        np.testing.assert_array_equal(events.x, units)
        assert not events.y.any()
        assert events.p.all()
    with pytest.raises(
        InputError, match="holds 20 recordings, and no sample is chosen; expected sample = 0 to 19"
    ):
        sn.read_events(path)


def test_a_million_spikes_in_hdf5_are_read_exactly(tmp_path):
    pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    times, units = (
        np.sort(rng.uniform(0, 100, MILLION)).astype(np.float32),
        rng.integers(0, 2**16, MILLION),
    )
    events = sn.read_events(made.spike_trains(tmp_path / "a.h5", [(times, units)], [0]))
    np.testing.assert_array_equal(events.t, times)
    np.testing.assert_array_equal(events.x, units)


def test_damaged_hdf5_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = made.spike_trains(tmp_path / "a.h5", trains(20), np.arange(20))
    content = path.read_bytes()
    with pytest.raises(
        DataError, match=rf"ends at byte {len(content) - 100:,} of {len(content):,}: it is cut"
    ):
        sn.read_events(saved(tmp_path, "cut.h5", content[:-100]), sample=0)
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["spikes/times"] = np.zeros(4)
    with pytest.raises(
        DataError, match=r"spikes/times has shape \(4,\) and type float64; expected one sequence"
    ):
        sn.read_events(tmp_path / "none.h5", sample=0)
    with h5py.File(path, "a") as file:
        file["spikes/times"][3] = np.array([0.1, np.nan], np.float32)
        file["spikes/units"][3] = np.array([1, 2], np.uint16)
        file["spikes/units"][4] = np.array([1], np.uint16)
    with pytest.raises(DataError, match="sample 3: the time of spike 1 is not finite"):
        sn.read_events(path, sample=3)
    with pytest.raises(DataError, match=r"sample 4: .* times and 1 units"):
        sn.read_events(path, sample=4)


@pytest.mark.parametrize("more", [{}, {"chunks": (20,)}])
def test_sequences_that_claim_more_than_the_file_are_refused_before_they_are_read(more, tmp_path):
    h5py = pytest.importorskip("h5py")
    parts = trains(20)
    path = made.spike_trains(tmp_path / "a.h5", parts, np.arange(20), **more)
    with h5py.File(path) as file:
        found = file["spikes/units"]
        at = found.id.get_chunk_info(0).byte_offset if more else found.id.get_offset()
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, at + 16 * 2, 2**31)
    with pytest.raises(
        DataError,
        match="a sequence of spikes/units claims 2,147,483,648 numbers, more than the file holds",
    ):
        sn.read_events(saved(tmp_path, "hurt.h5", bytes(content)), sample=2)


def test_events_in_npz_are_read_exactly_in_every_spelling(tmp_path):
    t, x, y, p = made.drawn(MILLION, 480, 640)
    np.savez(tmp_path / "a.npz", t=t, x=x, y=y, p=p)
    same(sn.read_events(tmp_path / "a.npz"), t, x, y, p)
    np.savez(
        tmp_path / "b.npz",
        timestamps=t / 1e6,
        x=x.astype(np.uint16),
        y=y.astype(float),
        polarity=2 * p - 1,
    )
    same(sn.read_events(tmp_path / "b.npz"), t, x, y, p)
    rows = np.zeros(100, dtype=[("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "?")])
    rows["x"], rows["y"], rows["t"], rows["p"] = x[:100], y[:100], t[:100], p[:100]
    np.savez(tmp_path / "c.npz", events=rows)
    same(sn.read_events(tmp_path / "c.npz"), t[:100], x[:100], y[:100], p[:100])
    events = sn.read_events(tmp_path / "a.npz", time_unit="ms")
    np.testing.assert_array_equal(events.t, t / 1e3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"p": np.array([0, 1, 2])}, "p of event 2 is 2; expected 0 and 1, or −1 and 1"),
        ({"x": np.array([0, -1, 2])}, "x of event 1 is -1; expected a whole number, 0 or more"),
        ({"y": np.array([0, 1.5, 2])}, "y of event 1 is 1.5"),
        ({"t": np.array([0, np.nan, 2])}, "t of event 1 is not finite"),
        ({"t": np.array(["a", "b", "c"])}, "t has type <U1"),
        ({"p": np.array([0, 1])}, r"p has shape \(2,\); expected one number an event"),
        ({"noise": np.zeros(3)}, "also has noise"),
        ({"ts": np.zeros(3)}, "has ts and another array of the same meaning"),
    ],
)
def test_arrays_that_are_no_events_are_refused_by_name(change, words, tmp_path):
    arrays = {"t": np.arange(3), "x": np.arange(3), "y": np.arange(3), "p": np.array([0, 1, 1])}
    np.savez(tmp_path / "a.npz", **(arrays | change))
    with pytest.raises(DataError, match=words):
        sn.read_events(tmp_path / "a.npz")


def test_what_is_no_recording_is_called_what_it_is(tmp_path):
    with pytest.raises(AbsentError, match="there is no file"):
        sn.read_events(tmp_path / "none.bin")
    with pytest.raises(AbsentError, match="is a folder; expected one recording"):
        sn.read_events(tmp_path)
    with pytest.raises(DataError, match="is text; expected events: N-MNIST"):
        sn.read_events(saved(tmp_path, "a.txt", b"t,x,y,p\n1,2,3,1\n"))
    np.savez(tmp_path / "b.npz", x=np.zeros((3, 4)), labels=np.zeros(3))
    with pytest.raises(DataError, match="has no arrays t and x"):
        sn.read_events(tmp_path / "b.npz")


def test_times_that_go_back_are_kept_and_told(tmp_path):
    events = sn.read_events(
        saved(tmp_path, "a.bin", made.nmnist(np.array([5, 3, 9]), *np.zeros((3, 3), int)))
    )
    np.testing.assert_array_equal(events.t, [5e-6, 3e-6, 9e-6])
    assert "times go back 1 time(s), first at event 1" in events.remarks[1]
