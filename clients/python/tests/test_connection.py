"""How a client finds its server, and what both know of each other then."""

import pathlib
import subprocess
import tempfile
from typing import Any, Callable, Iterator, List, Optional

import grpc
import pytest

import holkas
from conftest import Either
from fake_server import FakeServer
from holkas._connection import connection_to


def connection(address: str, **options: Any) -> Any:
  names = ("ca_file", "certificate_file", "key_file", "token")
  return connection_to(address, **{name: options.get(name) for name in names},
                       insecure=options.get("insecure", False))


@pytest.mark.parametrize("address, target", [
    ("unix:/run/holkas.sock", "unix:/run/holkas.sock"),
    ("unix:/run/a b/50%.sock", "unix:/run/a%20b/50%25.sock"),
    ("tcp:holkas.example.com:7443", "dns:///holkas.example.com:7443"),
    ("holkas.example.com:7443", "dns:///holkas.example.com:7443"),
    ("tcp:[::1]:7443", "dns:///[::1]:7443"),
])
def test_addresses(address: str, target: str) -> None:
  assert connection(address).target == target


@pytest.mark.parametrize("address", [
    "", "unix:", "unix:holkas.sock", "tcp:", "tcp:host", "tcp:host:", "tcp:host:0", "tcp:host:65536",
    "tcp:host:port", "tcp:::1:7443", "tcp:a b:1", "dns:///host:1", "https://host:1", "tcp::1",
])
def test_malformed_addresses(address: str) -> None:
  with pytest.raises(ValueError, match="server address"):
    connection(address)


@pytest.mark.parametrize("address, options", [
    ("unix:/a", {"ca_file": "/ca.pem"}),
    ("unix:/a", {"insecure": True}),
    ("tcp:a:1", {"insecure": True, "ca_file": "/ca.pem"}),
    ("tcp:a:1", {"token": "two secrets"}),
    ("tcp:a:1", {"certificate_file": "/certificate.pem"}),
    ("tcp:a:1", {"key_file": "/key.pem"}),
])
def test_what_does_not_go_together(connect: Callable[..., Either], address: str,
                                   options: Any) -> None:
  with pytest.raises(ValueError) as raised:
    connect(address, **options)
  assert "secret" not in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "127.1.2.3", "[::1]"])
def test_insecure_is_for_this_machine(host: str) -> None:
  assert connection("tcp:%s:1" % host, insecure=True).credentials is None


@pytest.mark.parametrize("host", ["holkas.example.com", "localhost.example.com", "10.0.0.1", "127.1",
                                  "[2001:db8::1]", "[::ffff:127.0.0.1]"])
def test_insecure_is_not_for_others(host: str) -> None:
  with pytest.raises(ValueError, match="without TLS the host must be a loopback address"):
    connection("tcp:%s:1" % host, insecure=True)


@pytest.mark.parametrize("token", ["", " ", "two words", "secret\n", "sec\0ret", "s\xe9cret", "x" * 4097])
@pytest.mark.parametrize("address", ["unix:/a", "tcp:a:1"])
def test_what_is_no_token(address: str, token: str) -> None:
  with pytest.raises(ValueError, match="^a token is 1 to 4096 visible ASCII characters$"):
    connection(address, token=token)


def test_a_certificate_that_cannot_be_read(connect: Callable[..., Either]) -> None:
  with pytest.raises(FileNotFoundError):
    connect("tcp:a:1", ca_file="/nonexistent/ca.pem")


def test_a_socket_whose_path_has_signs_of_a_uri(connect: Callable[..., Either]) -> None:
  with tempfile.TemporaryDirectory() as directory:
    path = "%s/a b#c?d" % directory
    with FakeServer("unix:" + path.replace(" ", "%20").replace("#", "%23").replace("?", "%3F")
                    ) as server:
      server.on("GetServerInfo", lambda request, context: holkas.GetServerInfoResponse(version="1"))
      assert connect("unix:" + path).call("get_server_info").version == "1"


def test_a_server_that_is_not_there(connect: Callable[..., Either], tmp_path: pathlib.Path) -> None:
  client = connect("unix:%s/nobody" % tmp_path)
  with pytest.raises(holkas.UnavailableError) as raised:
    client.call("sign", holkas.SignRequest())
  assert raised.value.reason == ""


class Certificates:
  """An authority, and certificates of it: `server` for localhost, and `client`."""

  def __init__(self, directory: pathlib.Path) -> None:
    self.directory = directory
    self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "1")
    for name in ("server", "client"):
      extension = directory / (name + ".ext")
      extension.write_text("subjectAltName=DNS:localhost\n" if name == "server" else
                           "extendedKeyUsage=clientAuth\n")
      self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
      self._openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-CAcreateserial", "-days", "1", "-extfile", extension.name,
                    "-out", name + ".pem")

  def _openssl(self, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

  def read(self, name: str) -> bytes:
    return (self.directory / name).read_bytes()

  def server(self, ask_clients: bool) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(self.read("server.key"), self.read("server.pem"))],
                                       self.read("ca.pem") if ask_clients else None, ask_clients)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: Any) -> Certificates:
  return Certificates(tmp_path_factory.mktemp("certificates"))


class TestTls:

  @pytest.fixture
  def tls_server(self, certificates: Certificates) -> Iterator[FakeServer]:
    with FakeServer("tcp:127.0.0.1:0", certificates.server(ask_clients=False)) as server:
      server.on("GetServerInfo", lambda request, context: holkas.GetServerInfoResponse(version="1"))
      yield server

  def test_the_named_authority_is_trusted(self, tls_server: FakeServer,
                                          connect: Callable[..., Either],
                                          certificates: Certificates) -> None:
    client = connect(tls_server.address, ca_file=certificates.directory / "ca.pem", token="secret")
    assert client.call("get_server_info").version == "1"
    assert tls_server.calls[0].metadata["authorization"] == "Bearer secret"

  def test_the_systems_authorities_are_trusted(self, tls_server: FakeServer,
                                               connect: Callable[..., Either],
                                               certificates: Certificates,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(holkas.UnavailableError):
      connect(tls_server.address).call("get_server_info")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.directory / "ca.pem"))
    assert connect(tls_server.address).call("get_server_info").version == "1"

  def test_a_server_without_tls_gets_nothing(self, connect: Callable[..., Either]) -> None:
    with FakeServer("tcp:127.0.0.1:0") as server:
      server.on("GetServerInfo", lambda request, context: holkas.GetServerInfoResponse(version="1"))
      with pytest.raises(holkas.UnavailableError):
        connect(server.address, token="secret").call("get_server_info")
      assert server.calls == []
      plain = connect(server.address, insecure=True, token="secret")
      assert plain.call("get_server_info").version == "1"
      assert server.calls[0].metadata["authorization"] == "Bearer secret"

  @pytest.mark.parametrize("named", [True, False])
  def test_the_client_has_a_certificate(self, connect: Callable[..., Either],
                                        certificates: Certificates, named: bool) -> None:
    names: List[Any] = []

    def tell(request: Any, context: grpc.ServicerContext) -> Any:
      names.append(context.auth_context().get("x509_common_name"))
      return holkas.GetServerInfoResponse()

    own = {"certificate_file": certificates.directory / "client.pem",
           "key_file": certificates.directory / "client.key"} if named else {}
    with FakeServer("tcp:127.0.0.1:0", certificates.server(ask_clients=True)) as server:
      server.on("GetServerInfo", tell)
      client = connect(server.address, ca_file=certificates.directory / "ca.pem", **own)
      if named:
        client.call("get_server_info")
        assert names == [[b"client"]]
      else:
        with pytest.raises(holkas.UnavailableError):
          client.call("get_server_info")


@pytest.mark.parametrize("token", ["secret", None])
def test_a_token_goes_over_a_unix_socket(server: FakeServer, connect: Callable[..., Either],
                                         token: Optional[str]) -> None:
  server.on("Copy", lambda request, context: iter([]))
  server.on("Inspect", lambda request, context: holkas.InspectResponse())
  client = connect(server.address, token=token)
  client.events("copy", holkas.CopyRequest())
  client.call("inspect", holkas.InspectRequest())
  expected = "Bearer secret" if token else None
  assert [call.metadata.get("authorization") for call in server.calls] == [expected, expected]
