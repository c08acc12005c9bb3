# SPDX-License-Identifier: Apache-2.0
"""Spends its time in C, C++ or Rust code of a package of Debian's: native_packages.py WHAT.

Truth: <module>, main, outer and inner call what is named WHAT, again and again. Where that code calls back, it calls
called_back, which calls burn.
"""
import sys

TEXT = "x" * 200
MANY = range(300)


def burn():
    for _ in MANY:
        pass


def called_back(*_):
    burn()
    return 1


def numpy_dgemm():
    import numpy
    a = numpy.ones((200, 200))
    return lambda: a @ a


def numpy_sort():
    import numpy
    a = numpy.random.default_rng(1).random(20000)
    return lambda: numpy.sort(a)


def numpy_callback():
    import numpy
    f, a = numpy.frompyfunc(called_back, 1, 1), numpy.arange(100)
    return lambda: f(a)


def lxml_tree(extensions=None):
    from lxml import etree
    root = etree.fromstring("<r>%s</r>" % "".join("<a n='%d'><b>t</b></a>" % i for i in range(2000)))
    return etree, root


def lxml_xpath():
    etree, root = lxml_tree()
    find = etree.XPath("count(//a[@n mod 3 = 1]/b[text() = 't'])")
    return lambda: find(root)


def lxml_callback():
    etree, root = lxml_tree()
    find = etree.XPath("//a[f:called(.)]", namespaces={"f": "urn:f"}, extensions={("urn:f", "called"): called_back})
    return lambda: find(root)


def ujson_dumps():
    import ujson
    data = [{"key%d" % j: [i, j, TEXT] for j in range(5)} for i in range(200)]
    return lambda: ujson.dumps(data)


def ujson_callback():
    import ujson
    data = [object() for _ in range(100)]
    return lambda: ujson.dumps(data, default=called_back)


def orjson_dumps():
    import orjson
    data = [{"key%d" % j: [i, j, TEXT] for j in range(5)} for i in range(2000)]
    return lambda: orjson.dumps(data)


def orjson_callback():
    import orjson
    data = [object() for _ in range(100)]
    return lambda: orjson.dumps(data, default=called_back)


def zstandard_compress():
    import zstandard
    compressor, data = zstandard.ZstdCompressor(level=9), bytes(range(256)) * 400 + TEXT.encode() * 100
    return lambda: compressor.compress(data)


def zlib_compress():
    import zlib
    data = bytes(range(256)) * 400
    return lambda: zlib.compress(data, 9)


def hashlib_sha256():
    import hashlib
    data = bytes(1 << 20)
    return lambda: hashlib.sha256(data).digest()


def hashlib_sha512():
    import hashlib
    data = bytes(1 << 20)
    return lambda: hashlib.sha512(data).digest()


def cryptography_chacha20():
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    cipher, data = ChaCha20Poly1305(bytes(32)), bytes(100000)
    return lambda: cipher.encrypt(bytes(12), data, None)


def cryptography_aes_ctr():
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    cipher, data = Cipher(algorithms.AES(bytes(32)), modes.CTR(bytes(16))).encryptor(), bytes(100000)
    return lambda: cipher.update(data)


def cryptography_rsa():
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    key = rsa.generate_private_key(65537, 2048)
    return lambda: key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())


def cryptography_x509():
    """Parsing is Rust."""
    import datetime
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime(2026, 1, 1)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "name")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(9))
    names = x509.SubjectAlternativeName([x509.DNSName("host%d.example" % i) for i in range(100)])
    data = builder.add_extension(names, False).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return lambda: x509.load_der_x509_certificate(data).extensions


def contourpy_lines():
    import contourpy
    import numpy
    x = numpy.linspace(0, 10, 200)
    made = contourpy.contour_generator(z=numpy.sin(x)[:, None] * numpy.cos(x)[None, :], name="serial")
    return lambda: made.lines(0.25)


def inner(work):
    while True:
        work()


def outer(work):
    inner(work)


def main():
    work = globals()[sys.argv[1]]()
    work()
    print("ready", flush=True)
    outer(work)


main()
