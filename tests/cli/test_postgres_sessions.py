"""PostgreSQL as operators run it: behind poolers, by TLS, with roles and settings of their own."""

import datetime
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from delivrd.store import postgres_session
from delivrd.store.base import StoreUnavailable
from delivrd.store.open import open_store
from delivrd.store.verify import verify
from tests.cli.served import write_settings
from tests.pooler import pooler
from tests.support import run


@pytest.fixture
def refused(delivrd, tmp_path):
    """What `serve` says of an address that it refuses; `doctor` has the same next step."""

    def ask(url):
        settings = write_settings(tmp_path, url)
        looked = delivrd("doctor", "--config", str(settings))
        assert looked.code == 1
        ran = delivrd("serve", "--config", str(settings))
        assert ran.code == 3, ran.err
        assert ran.err.splitlines()[-1].partition("next: ")[2] in looked.out
        return ran.err

    return ask


# --- poolers ------------------------------------------------------------------------------------


@pytest.fixture
def pooled(need, postgres, postgres_url):
    """Makes a pooler before the test's database."""
    need("pgbouncer")
    return lambda *args: pooler(postgres_url, *args, user=postgres.server.system_user)


def test_a_hub_works_behind_a_pooler_by_session(pooled):
    """Its settings hold: a pooler refuses them in the startup packet, so they are set later."""

    async def test(url):
        store = await open_store(url, {})
        other = await open_store(url, {})
        try:
            for _ in range(3):  # each gives the connection back to the pool
                for name, value in (
                    ("random_page_cost", "1.1"), ("default_transaction_isolation", "read committed")
                ):  # fmt: skip
                    shown = await store.read(lambda tx, name=name: tx.fetch(f"SHOW {name}"))
                    assert shown[0][0] == value
            assert await verify(store) == []
        finally:
            await other.close()
            await store.close()

    with pooled("session") as url:
        run(test(url))


def test_a_pooler_by_transaction_is_refused_with_the_next_step(pooled, refused):
    """LISTEN and prepared statements would fail in it, at a time nobody chooses."""
    with pooled("transaction") as url:
        for _ in range(2):  # also by way of sessions that were used before
            assert "pool_mode = session" in refused(url)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://postgres@127.0.0.1:{silent},127.0.0.1:{port}{path}",
        "postgresql://postgres@{path}?host=127.0.0.1:{silent},127.0.0.1:{port}",
        "postgresql://postgres@{path}?host=127.0.0.1,127.0.0.1&port={silent},{port}",
    ],
    ids=["before the path", "in the query", "in the query with ports"],
)
def test_a_server_that_does_not_answer_keeps_nobody_from_the_next(pooled, monkeypatch, address):
    """A primary without power refuses nothing: connections to it just wait."""
    monkeypatch.setattr(postgres_session, "HOST_SECONDS", 0.2)

    async def test(url):
        store = await open_store(url, {})
        try:
            assert await verify(store) == []
        finally:
            await store.close()

    with closing(socket.create_server(("127.0.0.1", 0))) as silent, pooled("session") as url:
        to = urlsplit(url)
        places = {"silent": silent.getsockname()[1], "port": to.port, "path": to.path}
        run(test(address.format(**places)))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://u@/d?host=a,b&port=1,2,3", "could not match 3 port numbers to 2 hosts"),
        ("postgresql://u@/d?host=a,b&perhaps", "bad query field: 'perhaps'"),
    ],
)
def test_an_address_whose_servers_cannot_be_told_is_refused(address, told):
    with pytest.raises(StoreUnavailable, match=told):
        run(open_store(address, {}))


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path, postgres):
    """Makes a self-signed certificate for a host, and its key; their paths."""

    def make(host):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        cert_file, key_file = tmp_path / f"{host}.crt", tmp_path / f"{host}.key"
        cert_file.write_bytes(made.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cert_file, key_file

    return make


@pytest.fixture
def encrypted(pooled, certificate, tmp_path):
    """A server that speaks TLS alone, for localhost; and the file of its certificate."""
    cert, key = certificate("localhost")
    more = (
        f"client_tls_sslmode = require\nclient_tls_cert_file = {cert}\nclient_tls_key_file = {key}"
    )
    with pooled("session", f"client_tls_sslmode = require\n{more}") as url:
        yield url.replace("127.0.0.1", "localhost"), cert


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_by_tls_is_checked_as_its_address_says(encrypted, delivrd, tmp_path, mode):
    url, cert = encrypted
    root = "" if mode == "require" else f"&sslrootcert={cert}"
    path = write_settings(tmp_path, f"{url}?sslmode={mode}{root}")
    assert delivrd("db", "verify", "--config", str(path)).code == 0


def test_a_certificate_that_does_not_prove_the_server_is_told_with_the_next_step(
    encrypted, certificate, refused, tmp_path
):
    url, cert = encrypted
    other, _ = certificate("other.example")
    address = url.replace("localhost", "127.0.0.1")
    for of, why, next in (
        (f"{url}?sslmode=verify-full&sslrootcert={other}", "self-signed", "sslrootcert="),
        (f"{address}?sslmode=verify-full&sslrootcert={cert}", "IP address mismatch", "the host as"),
        (f"{url}?sslmode=verify-ca&sslrootcert={tmp_path}/none", "no such file", "paths"),
    ):
        said = refused(of)
        assert why in said
        assert next in said


def test_a_certificate_that_is_replaced_by_a_wrong_one_is_the_store_being_away(
    encrypted, certificate
):
    """It is seen at the next connection; calls are answered 503, not 500."""
    url, cert = encrypted
    other, _ = certificate("other.example")

    async def test():
        store = await open_store(f"{url}?sslmode=verify-full&sslrootcert={cert}", {})
        try:
            store.pool.set_connect_args(f"{url}?sslmode=verify-full&sslrootcert={other}")
            await store.pool.expire_connections()
            with pytest.raises(StoreUnavailable):
                await store.write(lambda tx: tx.fetch("SELECT 1"))
        finally:
            await store.close()

    run(test())


# --- addresses, roles and databases -------------------------------------------------------------


@pytest.fixture
def role(postgres, postgres_url):
    """Makes a role with these settings; the test's database as it sees it."""
    names = []

    def make(*statements, **settings):
        names.append(name := f"role_{len(names)}")
        postgres.sql(f"CREATE ROLE {name} SUPERUSER LOGIN")
        for key, value in settings.items():
            postgres.sql(f"ALTER ROLE {name} SET {key} = '{value}'")
        return postgres_url.replace("postgres:@", f"{name}@")

    yield make
    for name in names:
        postgres.sql(f"DROP ROLE {name}")


def test_a_parameter_that_the_driver_does_not_know_is_named(postgres_url, refused):
    """Addresses that hosters show have channel_binding, connect_timeout and the like."""
    said = refused(f"{postgres_url}&channel_binding=require")
    assert "channel_binding" in said
    assert "take that parameter out" in said


def test_a_role_that_may_only_read_is_refused(role, refused):
    assert "target_session_attrs=read-write" in refused(role(default_transaction_read_only="on"))


def test_a_search_path_without_a_schema_is_told(role, delivrd, tmp_path):
    path = write_settings(tmp_path, role(search_path="nowhere"))
    ran = delivrd("serve", "--config", str(path))
    assert ran.code == 3
    assert "CREATE SCHEMA" in ran.err


def test_a_database_that_cannot_store_every_text_is_refused(postgres, refused):
    """An emoji in a receipt would stop the fold."""
    postgres.sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    url = postgres.url("latin")
    try:
        assert "createdb" in refused(url)
    finally:
        postgres.drop(url)


def test_a_role_that_owns_nothing_runs_a_hub_on_tables_made_by_another(postgres, postgres_url):
    postgres.sql("CREATE ROLE hub LOGIN")
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    try:
        postgres.sql(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hub", name
        )

        async def test():
            store = await open_store(postgres_url.replace("postgres:@", "hub@"), {})
            try:
                assert await verify(store) == []
            finally:
                await store.close()

        run(test())
    finally:
        postgres.sql("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM hub", name)
        postgres.sql("DROP ROLE hub")
