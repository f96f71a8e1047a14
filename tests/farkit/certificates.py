"""Certificates made for a test, as PEM."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate with its key."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey

    @property
    def cert(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key(self) -> bytes:
        """The private key."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def authority(name: str = "an authority of tests") -> Certified:
    """One that signs others."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Certified(_builder(name, name, key).add_extension(_BASIC_CA, critical=True).sign(key, SHA256()), key)


def signed_by(issuer: Certified, *, host: str = "127.0.0.1", age: datetime.timedelta = DAY) -> Certified:
    """One for a host, signed by an authority; it begins ``age`` ago and lasts for two days."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = issuer.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    builder = _builder(host, str(signer), key, age).add_extension(_names(host), critical=False)
    return Certified(builder.sign(issuer.private, SHA256()), key)


def self_signed(host: str = "127.0.0.1") -> Certified:
    """One that nobody stands for."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Certified(_builder(host, host, key).add_extension(_names(host), critical=False).sign(key, SHA256()), key)


_BASIC_CA = x509.BasicConstraints(ca=True, path_length=None)


def _names(host: str) -> x509.SubjectAlternativeName:
    try:
        return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    except ValueError:
        return x509.SubjectAlternativeName([x509.DNSName(host)])


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, age: datetime.timedelta = DAY
) -> x509.CertificateBuilder:
    begin = datetime.datetime.now(datetime.UTC) - age
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + 2 * DAY)
    )
