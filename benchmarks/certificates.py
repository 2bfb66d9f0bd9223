"""Self-signed certificates for servers on loopback."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.errors import BenchmarkError


def make_certificate(folder: Path, host: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """Write a self-signed certificate and its key into a folder.

    Args:
        folder: gets ``certificate.pem`` and ``key.pem``.
        host: the name or the IP address of the server.

    Returns:
        The file of the certificate, and the TLS context of a server that shows it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return certificate_file, context


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def hash_folder(bundle: Path, folder: Path) -> Path:
    """Write each certificate of a bundle into a file with the name that OpenSSL looks for, as `openssl rehash` does.

    Args:
        bundle: a file with certificates in PEM.
        folder: is created.

    Raises:
        BenchmarkError: the command `openssl` is missing or failed.
    """
    folder.mkdir()
    end = "-----END CERTIFICATE-----\n"
    for number, certificate in enumerate(bundle.read_text().split(end)[:-1]):
        (folder / f"{number:03}.pem").write_text(certificate + end)
    try:
        subprocess.run(["openssl", "rehash", str(folder)], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise BenchmarkError(f"`openssl rehash` is missing or failed: {error}") from None
    return folder
