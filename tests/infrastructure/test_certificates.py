"""The folder of certificate authorities in the layer: OpenSSL finds each of them, and trusts no other."""

import ssl
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import certifi
import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.http import transport
from aichats.http.transport import DeadlineTransport, tls_context
from benchmarks.certificates import make_certificate
from benchmarks.raw_server import Connection, serving
from hash_certificates import write
from tests.support.commands import run_command

KEY = ec.generate_private_key(ec.SECP256R1())
NUMBERS = count()
ATTRIBUTES = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.LOCALITY_NAME)
TEXTS = st.text("aBZÄéß€本😀 \t'()+,-./:=?0", min_size=1, max_size=40)
NAMES = st.lists(st.dictionaries(st.sampled_from(ATTRIBUTES), TEXTS, min_size=1, max_size=3), min_size=1, max_size=4)


def answer_all(connection: Connection) -> None:
    while connection.read_request():
        connection.answer(b"{}")


def call(url: str) -> int:
    with closing(DeadlineTransport()) as pool:
        headers = {"host": url.partition("://")[2]}
        status, _, _ = pool.send("POST", url, headers, b"{}", connect=60.0, read=60.0)
        return status


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def test_each_authority_of_the_bundle_has_the_name_that_openssl_looks_up(tmp_path: Path) -> None:
    bundle = Path(certifi.where()).read_text(encoding="utf-8")
    write(bundle, tmp_path)
    files = sorted(tmp_path.iterdir())

    assert len(files) == bundle.count("BEGIN CERTIFICATE") > 100
    for file in files:
        assert file.stem == openssl_hash(file)
    assert "".join(sorted(file.read_text() for file in files)).count("BEGIN CERTIFICATE") == len(files)


@given(names=NAMES)
@settings(max_examples=25)
def test_any_subject_has_the_hash_that_openssl_computes(
    names: list[dict[x509.ObjectIdentifier, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("subject")
    relative = [
        x509.RelativeDistinguishedName([x509.NameAttribute(oid, text) for oid, text in attributes.items()])
        for attributes in names
    ]
    write(self_signed(x509.Name(relative)), folder)
    (file,) = folder.iterdir()

    assert file.name == f"{openssl_hash(file)}.0"


def test_certificates_with_the_same_subject_are_numbered(tmp_path: Path) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "twice")])
    write(self_signed(name) + self_signed(name), tmp_path)

    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".0", ".1"]


@pytest.mark.usefixtures("no_environment")
def test_a_server_is_trusted_if_its_authority_is_in_the_folder_of_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "known").mkdir()
    (tmp_path / "unknown").mkdir()
    certificate, known = make_certificate(tmp_path / "known")
    _, unknown = make_certificate(tmp_path / "unknown")
    write(certificate.read_text(), tmp_path / "certificates")
    transport._tls_context.cache_clear()
    monkeypatch.setattr(transport, "CERTIFICATES", tmp_path / "certificates")
    try:
        with serving(answer_all, known) as server:
            assert call(server.base_url) == 200
        with (
            serving(answer_all, unknown) as server,
            pytest.raises(httpcore.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            call(server.base_url)
    finally:
        transport._tls_context.cache_clear()


@pytest.mark.usefixtures("no_environment")
def test_all_connections_share_one_tls_context() -> None:
    assert tls_context() is tls_context()
    assert tls_context().verify_mode == ssl.CERT_REQUIRED
    assert tls_context().check_hostname


@pytest.mark.usefixtures("no_environment")
def test_without_the_folder_the_bundle_of_certifi_is_trusted() -> None:
    assert len(tls_context().get_ca_certs()) > 100


@pytest.mark.usefixtures("no_environment")
def test_all_certificates_that_the_environment_names_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # OpenSSL doesn't look into the folder for a subject that it knows from a file.
    hosts = {"SSL_CERT_FILE": "localhost", "AWS_CA_BUNDLE": "localhost", "SSL_CERT_DIR": "127.0.0.1"}
    servers = []
    for name, host in hosts.items():
        folder = tmp_path / name
        folder.mkdir()
        certificate, tls = make_certificate(folder, host)
        servers.append((host, tls))
        if name == "SSL_CERT_DIR":
            write(certificate.read_text(), folder / "hashed")
            certificate = folder / "hashed"
        monkeypatch.setenv(name, str(certificate))
    for host, tls in servers:
        with serving(answer_all, tls) as server:
            assert call(f"https://{host}:{server.port}") == 200


@pytest.mark.usefixtures("no_environment")
def test_a_bundle_of_aws_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, tls = make_certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with serving(answer_all, tls) as server:
        assert call(server.base_url) == 200


def self_signed(name: x509.Name) -> str:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=KEY.public_key())
        .serial_number(next(NUMBERS) + 1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def openssl_hash(file: Path) -> str:
    return run_command("openssl", "x509", "-hash", "-noout", "-in", file, check=True).stdout.strip()
