"""Small capture files of every format, written from a known channel (test helper)."""

import struct

import numpy as np


def channel(seed, streams, antennas, tones, top=100):
    """Whole complex numbers, (streams, antennas, tones)."""
    rng = np.random.default_rng(seed)
    parts = rng.integers(-top, top, (2, streams, antennas, tones))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def pack(values, bits, lead=0):
    """Numbers of so many bits each, the lowest first, with `lead` bits before each row."""
    number, at = 0, 0
    for row in values:
        at += lead
        for value in row:
            number |= (int(value) & ((1 << bits) - 1)) << at
            at += bits
    return number.to_bytes((at + 7) // 8, "little")


def intel(csis, micros=1000, select=0b100100, rate=0x100):
    """Intel 5300: antennas in their own order (`select` is the identity)."""
    data = b""
    for i, csi in enumerate(csis):
        streams, antennas, _ = csi.shape
        rows = csi.transpose(2, 1, 0).reshape(30, -1)
        payload = pack(np.stack([rows.real, rows.imag], axis=2).reshape(30, -1), 8, lead=3)
        head = struct.pack(
            "<IHHBBBBBbBBHH", i * micros, i, 0, antennas, streams, 1, 2, 3, -90, 30, select,
            len(payload), rate,
        )  # fmt: skip
        data += struct.pack(">HB", 1 + len(head) + len(payload), 0xBB) + head + payload
    return data


def atheros(csis, micros=1000, order="<"):
    data = b""
    for i, csi in enumerate(csis):
        streams, antennas, tones = csi.shape
        rows = csi.transpose(2, 1, 0).reshape(tones, -1)
        content = pack(np.stack([rows.imag, rows.real], axis=2).reshape(tones, -1), 10)
        head = struct.pack(
            order + "QHHBBBBBBBBBBBH", i * micros, len(content), 5320, 0, 0, 0, tones == 114,
            tones, antennas, streams, 30, 30, 30, 30, 4,
        )  # fmt: skip
        record = head + content + b"load"
        data += struct.pack(order + "H", len(record)) + record
    return data


def nexmon_datagram(csi, number, core=0, chanspec=0xD040, chip=0x65):
    """One antenna's tones, the lowest frequency first; 20 MHz channel 64 unless told otherwise."""
    rolled = np.fft.ifftshift(csi)
    words = np.stack([rolled.real, rolled.imag], axis=1).astype("<i2").tobytes()
    return (
        struct.pack("<HbB6sHHHH", 0x1111, -50, 0, b"\1\2\3\4\5\6", number, core, chanspec, chip)
        + words
    )


def nexmon(csis, micros=1000, port=5500):
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for i, csi in enumerate(csis):
        for core, antenna in enumerate(csi[0]):
            payload = nexmon_datagram(antenna, i * 16, core)
            udp = struct.pack(">HHHH", 5500, port, 8 + len(payload), 0) + payload
            ip = struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(udp), 0, 0, 1, 17, 0, b"\0" * 8) + udp
            frame = b"\0" * 12 + b"\x08\0" + ip
            at = i * micros
            data += struct.pack(
                "<IIII", 1_700_000_000 + at // 10**6, at % 10**6, len(frame), len(frame)
            )
            data += frame
    return data


def esp32_line(csi, micros, channel_number=6):
    pairs = np.stack([csi.imag, csi.real], axis=1).astype(int).reshape(-1)
    text = " ".join(map(str, pairs))
    return (
        f"CSI_DATA,AP,3C:71:BF:6D:2A:78,-73,11,1,0,0,1,1,0,0,0,0,-93,0,{channel_number},1,"
        f"{micros},0,101,0,0,{micros / 1e6},128,[{text} ]\n"
    ).encode()


def esp32(csis, micros=1000):
    return b"".join(esp32_line(csi[0, 0], i * micros) for i, csi in enumerate(csis))


def picoscenes(csis, micros=1000, card=0x5300):
    data = b""
    for i, csi in enumerate(csis):
        streams, antennas, tones = csi.shape
        if card == 0x5300:
            rows = csi.transpose(2, 1, 0).reshape(tones, -1)
            body = pack(np.stack([rows.real, rows.imag], axis=2).reshape(tones, -1), 8, lead=3)
        elif card == 0x9300:
            rows = csi.transpose(2, 0, 1).reshape(tones, -1)
            body = pack(np.stack([rows.imag, rows.real], axis=2).reshape(tones, -1), 10)
        else:
            index = np.arange(-(tones // 2), tones - tones // 2, dtype="<i2").tobytes()
            matrix = (
                b"BBv2"[:4] + bytes([3]) + struct.pack("<QQQ", tones, antennas, streams) + b"\0" * 4
            )
            body = index + matrix + csi.transpose(2, 1, 0).astype("<c16").tobytes()
        head = struct.pack(
            "<HbHQQIHBBBBhI", card, 1, 20, 5_320_000_000, 20_000_000, 312_500, tones, streams,
            antennas, 0, 0, 0, len(body),
        )  # fmt: skip
        stamp = i * micros * (1000 if card == 0x1234 else 1)
        segments = [
            ("RxSBasic", struct.pack("<HQ", card, stamp) + b"\0" * 21),
            ("CSI", head + body),
        ]
        content = b""
        for name, inner in segments:
            part = bytes([len(name)]) + name.encode() + struct.pack("<H", 2) + inner
            content += struct.pack("<I", len(part)) + part
        frame = struct.pack("<IHB", 0x20150315, 1, len(segments)) + content
        data += struct.pack("<I", len(frame)) + frame
    return data


def fftable(csi, tones):
    """A channel of the FFT's tones in which nothing is carried at edges and centre."""
    out = csi.copy()
    out[..., ~((np.abs(tones) >= 1) & (np.abs(tones) <= 26))] = 0
    return out
