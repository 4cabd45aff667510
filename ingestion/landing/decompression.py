"""The content of what is stored of a file: gzip by its bytes, whatever its name, and never more of it than is allowed.

Any file may be dropped into the landing zone: nothing here trusts what the bytes say of themselves. Containers are no
compression; they have a module of their own.
"""

from __future__ import annotations

from isal import igzip_lib

from ingestion.landing.files import UnreadableFile, too_large, why

MAGIC = b"\x1f\x8b"
# What archivers other than gzip begin a file with. No JSON begins so.
_OTHER_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x9d": "compressed with compress",
    MAGIC: "gzipped twice",
}

# A file of very many tiny gzip members costs time out of proportion to its size. bgzip makes 57 of a Paris snapshot.
MAX_MEMBERS = 10_000
_CHUNK = 256 * 1024
_GZIP_ERRORS: tuple[type[Exception], ...] = (igzip_lib.IsalError, EOFError, ValueError)  # type: ignore[assignment]


def content(data: bytes, max_bytes: int) -> bytes:
    """The content of what is stored of a file."""
    if not data:
        raise UnreadableFile("empty_file", "the file is empty")
    if data.startswith(MAGIC):
        data = _decompress(data, max_bytes)
        if not data:
            raise UnreadableFile("empty_file", "the file is empty once decompressed")
    for magic, what in _OTHER_MAGIC.items():
        if data.startswith(magic):
            raise UnreadableFile("unsupported_compression", f"the file is {what}; only gzip and plain JSON are read")
    return data


def _decompress(data: bytes, max_bytes: int) -> bytes:
    """All gzip members of the data, one after the other, never more than `max_bytes` of them."""
    parts: list[bytes] = []
    size = members = position = 0
    # The trailer says the size (of the last member, modulo 4 GiB). It may lie, so it is only a first guess: asking for
    # just so much spares the decompressor growing its buffer, two thirds of its time.
    guess = int.from_bytes(data[-4:], "little")
    while position < len(data):
        members += 1
        if members > MAX_MEMBERS:
            raise UnreadableFile("broken_gzip", f"more than {MAX_MEMBERS:,} gzip members")
        member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        # A member copies what it leaves over, so only the first, mostly the only one, is given everything.
        feed = data[position : position + _CHUNK] if position else data
        position += len(feed)
        while True:
            room = max_bytes + 1 - size
            try:
                part = member.decompress(feed, min(guess, room) if guess and not parts else room)
            except _GZIP_ERRORS as error:
                raise UnreadableFile("broken_gzip", f"broken gzip: {why(error)}") from None
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                raise too_large("once decompressed", max_bytes)
            if member.eof:
                break
            feed = b""
            if member.needs_input:
                if position >= len(data):
                    raise UnreadableFile("truncated_gzip", f"the gzip stream ends early, after {size:,} bytes")
                feed = data[position : position + _CHUNK]
                position += len(feed)
        position -= len(member.unused_data)
        follows = data[position : position + 2]
        if follows.startswith(b"\0") and not data[position:].strip(b"\0"):
            break  # padding, as some archivers leave it
        if not follows.startswith(MAGIC[: len(follows)]):
            raise UnreadableFile("broken_gzip", "something that is not gzip follows the gzip stream")
    return parts[0] if len(parts) == 1 else b"".join(parts)
