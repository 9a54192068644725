"""Every reader gives back the channel that was written, and survives any file."""

import numpy as np
import pytest

from pta_ros.captures import atheros, esp32, intel, nexmon, picoscenes
from pta_ros.captures.files import FORMATS, find_format, packets
from pta_ros.captures.packet import Clock32, Losses
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.sensors.tones import layout

FFT64 = layout(64, 20)


def known(write, seed, streams, antennas, tones):
    csi = write.channel(seed, streams, antennas, tones)
    return write.fftable(csi, FFT64) if tones == 64 else csi


CASES = {
    "intel": (intel, "intel", (2, 3, 30), {}),
    "intel-1x1": (intel, "intel", (1, 1, 30), {}),
    "atheros-20": (atheros, "atheros", (1, 3, 56), {}),
    "atheros-40": (atheros, "atheros", (2, 2, 114), {}),
    "atheros-big": (atheros, "atheros", (1, 3, 114), {"order": ">"}),
    "nexmon": (nexmon, "nexmon", (1, 2, 64), {}),
    "esp32": (esp32, "esp32", (1, 1, 64), {}),
    "pico-5300": (picoscenes, "picoscenes", (2, 3, 30), {"card": 0x5300}),
    "pico-9300": (picoscenes, "picoscenes", (2, 3, 56), {"card": 0x9300}),
    "pico-usrp": (picoscenes, "picoscenes", (1, 2, 53), {"card": 0x1234}),
}


def written(write, case, count=4):
    module, name, shape, options = CASES[case]
    csis = [known(write, i, *shape) for i in range(count)]
    return module, csis, getattr(write, name)(csis, **options)


@pytest.mark.parametrize("case", CASES)
def test_a_written_channel_is_read_back(write, case):
    module, csis, data = written(write, case)
    losses = Losses()
    found = list(module.read(memoryview(data), losses))
    assert losses.texts() == []
    assert len(found) == len(csis)
    for i, (packet, csi) in enumerate(zip(found, csis, strict=True)):
        carried = np.isfinite(packet.csi)
        np.testing.assert_array_equal(packet.csi[carried], csi[carried])
        assert not csi[~carried].any()
        assert packet.time_ns - found[0].time_ns == i * 1_000_000
        assert (np.diff(packet.tones) > 0).all()
        assert len(packet.tones) == csi.shape[2]


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_recognised_by_its_content(write, case, tmp_path):
    module, _, data = written(write, case)
    (tmp_path / "capture").write_bytes(data)
    assert find_format(tmp_path / "capture") == module.NAME
    others = [name for name, other in FORMATS.items() if other.detect(data[:4096])]
    assert others == [module.NAME]


@pytest.mark.parametrize("case", CASES)
def test_a_cut_file_gives_what_is_whole_and_counts_the_rest(write, case):
    module, csis, data = written(write, case)
    losses = Losses()
    found = list(module.read(memoryview(data[:-7]), losses))
    assert len(csis) - 1 <= len(found) <= len(csis)  # of two antennas one may have arrived
    np.testing.assert_array_equal(found[0].csi[np.isfinite(found[0].csi)].size > 0, True)
    assert sum(losses.counts.values()) == 1


@pytest.mark.parametrize("case", CASES)
def test_any_damage_is_survived(write, case):
    module, _, data = written(write, case, count=2)
    rng = np.random.default_rng(1)
    for _ in range(1000):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 9)):
            damaged[at] = rng.integers(0, 256)
        cut = memoryview(damaged)[: rng.integers(0, len(data) + 1)]
        for packet in module.read(cut, Losses()):
            assert packet.csi.ndim == 3
            assert packet.csi.shape[2] == len(packet.tones)
            assert packet.csi.nbytes <= 4 * len(data)


@pytest.mark.parametrize("module", FORMATS.values())
def test_noise_is_survived(module):
    rng = np.random.default_rng(2)
    for size in rng.integers(0, 3000, 300):
        noise = rng.integers(0, 256, size, np.uint8).tobytes()
        assert len(list(module.read(memoryview(noise), Losses()))) <= size


def test_other_files_and_names_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"# a text file\n" * 9)
    (tmp_path / "b").write_bytes(b"")
    for name in ("a", "b", "c", "."):
        with pytest.raises(DatasetError, match=name):
            find_format(tmp_path / name)
    with pytest.raises(ConfigError, match="did you mean intel"):
        find_format(tmp_path / "a", "intl")


def test_a_counter_of_32_bits_goes_on():
    clock = Clock32()
    assert [clock.ns(m) for m in (2**32 - 10, 20, 10)] == [
        (2**32 + k) * 1000 for k in (-10, 20, 10)
    ]


def test_antennas_follow_the_permutation_of_an_intel_card(write):
    csi = write.channel(0, 1, 3, 30)
    (packet,) = intel.read(memoryview(write.intel([csi], select=0b001001)), Losses())
    np.testing.assert_array_equal(packet.csi[:, [1, 2, 0]], csi)


def test_an_esp32_that_begins_at_the_centre_is_put_in_order(write):
    csi = write.fftable(write.channel(3, 1, 1, 64), FFT64)
    line = write.esp32_line(np.fft.ifftshift(csi[0, 0]), 5)
    (packet,) = esp32.read(memoryview(line), Losses())
    carried = np.isfinite(packet.csi)
    np.testing.assert_array_equal(packet.csi[carried], csi[carried])
    assert carried.sum() == 52
    assert packet.center_hz == 2.437e9


def test_an_interrupt_in_a_reader_comes_out_as_it_is(write, tmp_path):
    class Interrupted(Losses):
        def add(self, *_):
            raise KeyboardInterrupt

    (tmp_path / "a.dat").write_bytes(write.intel([write.channel(1, 1, 3, 30)] * 4)[:-9])
    with pytest.raises(KeyboardInterrupt):
        list(packets(tmp_path / "a.dat", Interrupted()))
