"""Write each certificate of a bundle into a file of its own, under the name by which OpenSSL looks it up.

    python3.13 hash_certificates.py <bundle> <folder>

``openssl rehash`` does the same, but not every machine that builds has this command. A file is named
``<hash>.<number>``: the hash is of the subject in OpenSSL's canonical form, and the number separates certificates with
the same hash. Two runs write the same files.
"""

import hashlib
import re
import ssl
import sys
from pathlib import Path

SEQUENCE, SET, UTF8, PRINTABLE, T61, IA5, UNIVERSAL, BMP, VISIBLE = 0x30, 0x31, 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E, 0x1A
ENCODINGS = {
    UTF8: "utf-8",
    PRINTABLE: "ascii",
    T61: "latin-1",
    IA5: "ascii",
    UNIVERSAL: "utf-32-be",
    BMP: "utf-16-be",
    VISIBLE: "ascii",
}
LONG = 0x80
"""The bit of a length that has octets of its own, and the lowest length that needs it."""
VERSION = 0xA0
"""The tag of a certificate's version, which is optional."""
PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)


def read(der: bytes) -> list[tuple[int, bytes, bytes]]:
    """Return the elements of DER: the tag, the content, and the whole element."""
    found = []
    at = 0
    while at < len(der):
        start, tag, length = at, der[at], der[at + 1]
        at += 2
        if length & LONG:
            size = length - LONG
            length = int.from_bytes(der[at : at + size])
            at += size
        found.append((tag, der[at : at + length], der[start : at + length]))
        at += length
    return found


def element(tag: int, content: bytes) -> bytes:
    """Return an element of DER."""
    size = len(content)
    octets = b"" if size < LONG else size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, LONG | len(octets) if octets else size]) + octets + content


def subject(certificate: bytes) -> bytes:
    """Return the content of a certificate's subject."""
    fields = read(read(read(certificate)[0][1])[0][1])
    # The fields after the version are: serial number, signature, issuer, validity, subject.
    return fields[4 + (fields[0][0] == VERSION)][1]


def canonical(tag: int, content: bytes, whole: bytes) -> bytes:
    """Return the value of an attribute in OpenSSL's canonical form: UTF-8, in small letters, with single spaces."""
    if tag not in ENCODINGS:
        return whole
    text = re.sub(r"[ \t\n\v\f\r]+", " ", content.decode(ENCODINGS[tag]).strip(" \t\n\v\f\r"))
    return element(UTF8, "".join(char.lower() if char.isascii() else char for char in text).encode())


def subject_hash(certificate: bytes) -> str:
    """Return the hash of a certificate's subject, as ``openssl x509 -hash`` prints it."""
    names = b""
    for _, parts, _ in read(subject(certificate)):
        attributes = [read(content) for _, content, _ in read(parts)]
        pairs = [element(SEQUENCE, name[2] + canonical(*value)) for name, value in attributes]
        names += element(SET, b"".join(sorted(pairs)))
    digest = hashlib.sha1(names, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def write(bundle: str, folder: Path) -> None:
    """Write the certificates of a bundle into a folder."""
    numbers: dict[str, int] = {}
    folder.mkdir(parents=True, exist_ok=True)
    for pem in PEM.findall(bundle):
        found = subject_hash(ssl.PEM_cert_to_DER_cert(pem))
        number = numbers[found] = numbers.get(found, -1) + 1
        (folder / f"{found}.{number}").write_text(pem)


if __name__ == "__main__":
    write(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]))
