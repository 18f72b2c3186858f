"""Limits of what registries, layouts and callers may send: each is kept at its value and ends the
command one beyond, with a message that names it."""

import itertools
import json
import re
import urllib.parse

import pytest

from fakes.actions import answer, error, raw, tag_pages, tags, without_length
from support import grpcurl
from support.images import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Image, index, write_layout
from support.oracle import Layout, sha256
from support.programs import run

KIB, MIB = 1 << 10, 1 << 20

both = pytest.mark.parametrize("over", [0, 1], ids=["at the limit", "one beyond"])


@pytest.fixture
def outcome(shared_server, over):
  """Checks how a command ended: well at the limit; one beyond it with `text` in the message and the
  reason in the server's log."""

  def check(result, text, reason="LIMIT_EXCEEDED"):
    if not over:
      return result.ok()
    assert result.code == 1, result
    assert re.search(r'level=fatal msg="[^\n]*"\n$', result.stderr), result
    assert text in result.stderr
    done = [json.loads(line) for line in shared_server.log().splitlines() if "request done" in line]
    assert done[-1]["reason"] == reason
    return result

  return check


def filled(document, size):
  """The document as JSON of exactly so many bytes: one more field fills it up."""
  empty = json.dumps({**document, "filler": ""})
  return json.dumps({**document, "filler": "x" * (size - len(empty))}).encode()


def nested(document, depth):
  """The document with a field that makes it so many levels deep."""
  text = json.dumps({**document, "nested": None})
  return text.replace("null", "[" * (depth - 1) + "]" * (depth - 1)).encode()


def with_values(document, count):
  """The document with an array that makes it so many values in all."""
  return json.dumps({**document, "more": [0] * (count - values({**document, "more": []}))}).encode()


def values(document):
  """How many values the document has, itself counted."""
  inner = document.values() if isinstance(document, dict) else document
  return 1 + sum(map(values, inner)) if isinstance(document, (dict, list)) else 1


class Served(Image):
  """An image of which a test makes the manifest and the configuration."""

  def __init__(self, manifest=None, config=None, **more):
    super().__init__(layer_sizes=(10,), **more)
    if config is not None:
      self.config = self._add(self.config["mediaType"],
                              config(json.loads(self.blobs[self.config["digest"]])))
    document = {**json.loads(self.manifest), "config": self.config}
    self.manifest = json.dumps(document).encode() if manifest is None else manifest(document)


def in_indexes(image, levels, scripted):
  """The name of an index within so many in all that leads to the image."""
  scripted.add("app", "image", image)
  media_type, data = image.media_type, image.manifest
  for _ in range(levels):
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{
        "mediaType": media_type, "digest": sha256(data), "size": len(data),
        "platform": {"architecture": "amd64", "os": "linux"}}]}).encode()
    media_type = OCI_INDEX
    name = scripted.add_manifest("app", "v1", media_type, data)
  return name


@both
class TestManifests:

  def test_bytes(self, programs, shared_server, scripted, outcome, over):
    image = Served(lambda manifest: filled(manifest, 4 * MIB + over))
    name = scripted.add("app", "v1", image)
    result = programs.inspect(name, "--raw", server=shared_server)
    outcome(result, "the manifest has 4194305 bytes, at most 4194304 are read")
    assert over or result.stdout_bytes == image.manifest

  def test_bytes_without_a_length(self, programs, shared_server, scripted, outcome, over):
    image = Served(lambda manifest: filled(manifest, 4 * MIB + over))
    name = scripted.add("app", "v1", image)
    scripted.on("GET", "/manifests/", without_length())
    result = programs.inspect(name, server=shared_server)
    outcome(result, "more than 4194304 bytes")
    assert over or json.loads(result.stdout)["Digest"] == image.digest

  @pytest.mark.parametrize("transport", ["oci", "dir"])
  def test_bytes_of_a_file(self, programs, shared_server, tmp_path, outcome, transport, over):
    image = Served(lambda manifest: filled(manifest, 4 * MIB + over))
    if transport == "oci":
      write_layout(tmp_path / "layout", {"v1": image})
    else:
      (tmp_path / "layout").mkdir()
      (tmp_path / "layout" / "manifest.json").write_bytes(image.manifest)
      for digest, data in image.blobs.items():
        (tmp_path / "layout" / digest.split(":")[1]).write_bytes(data)
    result = programs.holkas("inspect", "%s:%s" % (transport, tmp_path / "layout"),
                             server=shared_server)
    outcome(result, "more than 4194304 bytes")
    assert over or json.loads(result.stdout)["Digest"] == image.digest

  def test_layers(self, programs, shared_server, scripted, outcome, over):
    image = Served(lambda manifest: json.dumps(
        {**manifest, "layers": manifest["layers"] * (1000 + over)}).encode())
    result = programs.inspect(scripted.add("app", "v1", image), server=shared_server)
    outcome(result, "1001 layers, more than 1000")
    assert over or len(json.loads(result.stdout)["Layers"]) == 1000

  def test_entries_of_an_index(self, programs, shared_server, scripted, outcome, over):
    image = Served()
    scripted.add("app", "image", image)
    entries = [image.descriptor("arm64")] * (9999 + over) + [image.descriptor("amd64")]
    name = scripted.add_manifest("app", "v1", OCI_INDEX, json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode())
    result = programs.inspect(name, "--override-arch", "amd64", server=shared_server)
    outcome(result, "10001 manifests, more than 10000")
    assert over or json.loads(result.stdout)["Architecture"] == "amd64"

  def test_indexes_in_one_another(self, programs, shared_server, scripted, outcome, over):
    name = in_indexes(Served(), 4 + over, scripted)
    result = programs.inspect(name, "--override-arch", "amd64", server=shared_server)
    outcome(result, "more than 4 indexes in one another")
    assert over or json.loads(result.stdout)["Architecture"] == "amd64"

  @pytest.mark.parametrize("all_images", [True, False], ids=["all", "one"])
  def test_indexes_of_a_copy(self, programs, shared_server, scripted, tmp_path, outcome, all_images,
                             over):
    name = in_indexes(Served(), 1 + over, scripted)
    flags = ["--all"] if all_images else ["--override-arch", "amd64"]
    result = programs.copy(name, "oci:%s:x" % (tmp_path / "to"), *flags, server=shared_server)
    outcome(result, "is an index within an index", reason="MEDIA_TYPE_UNSUPPORTED")
    assert over or Layout(tmp_path / "to").check()

  def test_levels_of_json(self, programs, shared_server, scripted, outcome, over):
    image = Served(lambda manifest: nested(manifest, 64 + over))
    result = programs.inspect(scripted.add("app", "v1", image), server=shared_server)
    outcome(result, "JSON: more than 64 levels")
    assert over or json.loads(result.stdout)["Digest"] == image.digest

  def test_values_of_json(self, programs, shared_server, scripted, outcome, over):
    image = Served(lambda manifest: with_values(manifest, 300_000 + over))
    result = programs.inspect(scripted.add("app", "v1", image), server=shared_server)
    outcome(result, "JSON: more than 300000 values")
    assert over or json.loads(result.stdout)["Digest"] == image.digest

  def test_manifests_of_a_copy_together(self, programs, shared_server, scripted, tmp_path, outcome,
                                        over):
    def top_of(sizes):
      images = {"arch%d" % i: Served(lambda manifest, size=size: filled(manifest, size), seed=i)
                for i, size in enumerate(sizes)}
      for image in images.values():
        scripted.add("app", image.digest, image)
      return index(images)

    sizes = [4 * MIB] * 3
    sizes.append(4 * MIB - len(top_of(sizes + [1 * MIB])))
    data = top_of(sizes[:3] + [sizes[3] + over])
    name = scripted.add_manifest("app", "v1", OCI_INDEX, data)
    result = programs.copy(name, "oci:%s:x" % (tmp_path / "to"), "--all", server=shared_server)
    outcome(result, "manifests have more than 16777216 bytes in all")
    assert over or Layout(tmp_path / "to").check().names() == {"x": sha256(data)}


@pytest.mark.parametrize("over", [
    pytest.param(0, marks=pytest.mark.soak, id="at the limit"), pytest.param(1, id="one beyond")])
def test_blobs_of_a_copy_together(programs, shared_server, scripted, tmp_path, outcome, over):
  numbers = iter(range(50_000 - 51 + over))

  def layers(manifest):
    blobs = [b"%d" % number for number in itertools.islice(numbers, 999)]
    scripted.blobs.update({("app", sha256(blob)): blob for blob in blobs})
    return json.dumps({**manifest, "layers": [
        {"mediaType": OCI_LAYER, "digest": sha256(blob), "size": len(blob)}
        for blob in blobs]}).encode()

  images = {"arch%d" % i: Served(layers, config=lambda config, i=i: json.dumps(
      {**config, "number": i}).encode()) for i in range(51)}
  for image in images.values():
    scripted.add("app", image.digest, image)
  name = scripted.add_manifest("app", "v1", OCI_INDEX, index(images))
  result = programs.copy(name, "oci:%s:x" % (tmp_path / "to"), "--all", server=shared_server,
                         timeout=300)
  outcome(result, "images have more than 50000 blobs in all")
  blobs = tmp_path / "to" / "blobs" / "sha256"
  assert over or len(list(blobs.iterdir())) == 50_000 + 51 + 1


@both
class TestConfigurations:

  def test_bytes(self, programs, shared_server, scripted, outcome, over):
    image = Served(config=lambda config: filled(config, 4 * MIB + over))
    result = programs.inspect(scripted.add("app", "v1", image), "--config", "--raw",
                              server=shared_server)
    outcome(result, "4194305 bytes, the limit is 4194304")
    assert over or result.stdout_bytes == image.blobs[image.config["digest"]]

  def test_bytes_of_a_conversion(self, programs, shared_server, scripted, tmp_path, outcome, over):
    image = Served(config=lambda config: filled(config, 4 * MIB + over), docker=True)
    result = programs.copy(scripted.add("app", "v1", image), "oci:%s:x" % (tmp_path / "to"),
                           server=shared_server)
    outcome(result, "4194305 bytes, the limit is 4194304")
    assert over or Layout(tmp_path / "to").check()

  def test_bytes_of_a_result(self, programs, shared_server, scripted, outcome, over):
    """`<` becomes six bytes of JSON in the one form of the result and stays one in the other."""
    author = "<" * ((2 if over else 1) * MIB)
    image = Served(config=lambda config: json.dumps({**config, "author": author}).encode())
    result = programs.inspect(scripted.add("app", "v1", image), "--config", server=shared_server)
    outcome(result, "the result has more than 10485760 bytes")
    assert over or json.loads(result.stdout)["author"] == author

  def test_levels_of_json(self, programs, shared_server, scripted, outcome, over):
    image = Served(config=lambda config: nested(config, 64 + over))
    result = programs.inspect(scripted.add("app", "v1", image), server=shared_server)
    outcome(result, "JSON: more than 64 levels")
    assert over or json.loads(result.stdout)["Digest"] == image.digest

  def test_values_of_json(self, programs, shared_server, scripted, outcome, over):
    image = Served(config=lambda config: with_values(config, 300_000 + over))
    result = programs.inspect(scripted.add("app", "v1", image), server=shared_server)
    outcome(result, "JSON: more than 300000 values")
    assert over or json.loads(result.stdout)["Digest"] == image.digest


@both
class TestLayouts:

  def test_bytes_of_the_list(self, programs, shared_server, tmp_path, outcome, over):
    image = Served()
    listed = write_layout(tmp_path, {"v1": image}) / "index.json"
    listed.write_bytes(filled(json.loads(listed.read_bytes()), 16 * MIB + over))
    result = programs.holkas("inspect", "oci:%s:v1" % tmp_path, server=shared_server)
    outcome(result, "read index.json: more than 16777216 bytes")
    assert over or json.loads(result.stdout)["Digest"] == image.digest

  def test_bytes_of_the_list_that_a_copy_makes(self, programs, shared_server, scripted, tmp_path,
                                               outcome, over):
    layout = tmp_path / "layout"
    name = scripted.add("app", "v1", Served())
    listed = write_layout(layout, {"v1": Served(seed=1)}) / "index.json"
    entry = self.bytes_of_a_copy(programs, shared_server, name, listed)
    listed.write_bytes(filled(json.loads(listed.read_bytes()), 16 * MIB + over - entry))
    before = listed.read_bytes()
    result = programs.copy(name, "oci:%s:new" % layout, server=shared_server)
    outcome(result, "write index.json: it would have more than 16777216 bytes")
    assert (listed.read_bytes() == before) == bool(over)
    programs.holkas("inspect", "oci:%s:v1" % layout, server=shared_server).ok()

  def bytes_of_a_copy(self, programs, server, name, listed):
    """By how many bytes a copy of an image makes the list longer."""
    before = listed.read_bytes()
    listed.write_bytes(filled(json.loads(before), 10_000))
    programs.copy(name, "oci:%s:new" % listed.parent, server=server).ok()
    grown = len(listed.read_bytes()) - 10_000
    listed.write_bytes(before)
    return grown

  def test_levels_of_json(self, programs, shared_server, tmp_path, outcome, over):
    image = Served()
    listed = write_layout(tmp_path, {"v1": image}) / "index.json"
    listed.write_bytes(nested(json.loads(listed.read_bytes()), 64 + over))
    result = programs.holkas("inspect", "oci:%s:v1" % tmp_path, server=shared_server)
    outcome(result, "parse index.json: JSON: more than 64 levels")
    assert over or json.loads(result.stdout)["Digest"] == image.digest


def head(size, media_type, interim=0, longest=1100):
  """An answer with so many bytes of heads, of which that many are interim, in lines that are not
  longer."""
  heads = b"HTTP/1.1 103 Early Hints\r\n\r\n" * interim
  heads += b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %s\r\n" % media_type.encode()
  if size is None:
    return raw(lambda body: heads + b"\r\n" + body)
  while size - len(heads) > longest:
    heads += b"X-Filler: %s\r\n" % (b"x" * 988)
  heads += b"X-Filler: %s\r\n\r\n" % (b"x" * (size - len(heads) - len(b"X-Filler: \r\n\r\n")))
  assert len(heads) == size
  return raw(lambda body: heads + body)


def redirects(times):
  """Leads on so many times before it answers."""
  def act(handler, body):
    url = urllib.parse.urlsplit(handler.path)
    left = int(urllib.parse.parse_qs(url.query).get("left", [times])[0])
    if left > 0:
      handler.respond(307, b"", {"Location": "%s?left=%d" % (url.path, left - 1)})
    else:
      handler.respond(200, body, handler.truth)
  return act


@pytest.mark.parametrize("which", ["manifests", "blobs"])
@both
class TestAnswers:

  @pytest.fixture
  def inspect(self, programs, shared_server, scripted, outcome, which, over):
    """Inspects an image of which one answer is `action`'s."""
    def run_inspect(action, text):
      image = Served()
      name = scripted.add("app", "v1", image)
      scripted.on("GET", "/%s/" % which, action)
      result = outcome(programs.inspect(name, server=shared_server), text)
      assert over or json.loads(result.stdout)["Digest"] == image.digest
    return run_inspect

  @pytest.mark.parametrize("interim", [0, 10])
  def test_bytes_of_heads(self, inspect, interim, which, over):
    inspect(head(64 * KIB + over, OCI_MANIFEST, interim), "more than 65536 bytes of headers")

  def test_bytes_of_one_header(self, inspect, which, over):
    inspect(head(MIB if over else 64 * KIB, OCI_MANIFEST, longest=MIB),
            "more than 65536 bytes of headers")

  def test_bytes_of_a_trailers_line(self, inspect, which, over):
    line = b"X: ".ljust(4093 + over, b"x") + b"\r\n"
    begin = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n" % OCI_MANIFEST.encode()
    inspect(raw(lambda body: begin + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n" %
                (len(body), body, line)), "a trailer with a line of more than 4095 bytes")

  def test_heads(self, inspect, which, over):
    inspect(head(None, OCI_MANIFEST, interim=99 + over), "100 heads")

  def test_redirects(self, inspect, which, over):
    inspect(redirects(5 + over), "more than 5 redirects")

  def test_bytes_of_a_redirects_url(self, inspect, which, over):
    def act(handler, body):
      if "filler" in handler.path:
        handler.respond(200, body, handler.truth)
        return
      url = handler.path + "?filler="
      handler.respond(307, b"", {"Location": url + "x" * (16 * KIB + over - len(url))})
    inspect(act, "the registry's Location: a URL of more than 16384 bytes")

  def test_bytes_of_an_error(self, programs, shared_server, scripted, which, over):
    name = scripted.add("app", "v1", Served())
    body = json.dumps({"errors": [{"code": "DENIED", "message": "scripted"}]}).encode()
    scripted.on("GET", "/%s/" % which, answer(403, body.ljust(64 * KIB + over)))
    result = programs.inspect(name, server=shared_server)
    assert result.code == 1
    said, unsaid = "denied: scripted", "the registry answered with status 403"
    assert (unsaid if over else said) in result.stderr
    assert (said if over else unsaid) not in result.stderr


@both
def test_bytes_of_an_errors_message(programs, shared_server, scripted, over):
  name = scripted.add("app", "v1", Served())
  body = {"errors": [{"code": "DENIED", "message": "m" * (256 + over)}]}
  scripted.on("GET", "/manifests/", answer(403, json.dumps(body).encode()))
  result = programs.inspect(name, server=shared_server)
  assert result.code == 1
  assert "denied: %s" % ("m" * 253 + "..." if over else "m" * 256) in result.stderr


@both
class TestTokens:

  @pytest.fixture
  def inspect(self, programs, shared_server, scripted, outcome, over):
    """Inspects an image that a registry shows for this token; its realm answers with `body`."""
    def run_inspect(body, text, token="t", path="/token", parameters='service="s"'):
      image = Served()
      name = scripted.add("app", "v1", image)

      def act(handler, manifest):
        if handler.headers.get("Authorization") == "Bearer " + token:
          handler.respond(200, manifest, handler.truth)
          return
        challenge = 'Bearer realm="http://%s%s",%s' % (scripted.address, path, parameters)
        error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})(handler, manifest)

      scripted.on("GET", "/manifests/", act)
      scripted.on("GET", "/token", answer(200, body))
      result = outcome(programs.inspect(name, server=shared_server), text)
      assert over or json.loads(result.stdout)["Digest"] == image.digest
    return run_inspect

  def test_bytes_of_the_answer(self, inspect, over):
    inspect(filled({"token": "t"}, MIB + over), "more than 1048576 bytes")

  def test_bytes_of_a_token(self, inspect, over):
    token = "t" * (32 * KIB + over)
    inspect(json.dumps({"token": token}).encode(), "token has more than 32768 bytes", token=token)

  def test_bytes_of_a_realms_path(self, inspect, over):
    inspect(b'{"token":"t"}', "a realm with a path and query of more than 4096 bytes",
            path="/token?".ljust(4 * KIB + over, "x"))

  @pytest.mark.parametrize("name, value", [("service", "s"), ("scope", "repository:app:pull ")])
  def test_bytes_of_a_parameter(self, inspect, name, value, over):
    value = (value * 2 * KIB)[:KIB + over]
    inspect(b'{"token":"t"}', "a %s of more than 1024 bytes" % name,
            parameters='%s="%s"' % (name, value))


def pages_of(count, page=lambda number: tags(["t%d" % number])):
  """So many pages of tags."""
  return tag_pages(lambda number: (page(number), number + 1 if number < count else None))


def split(names, count):
  """These tags on so many pages."""
  size = -(-len(names) // count)
  return pages_of(count, lambda number: tags(names[(number - 1) * size:number * size]))


def long_tags(total, size=1024):
  """Tags of that size with so many bytes in all."""
  names = ["%0*d" % (size, number) for number in range(total // size)]
  return names + (["x" * (total % size)] if total % size else [])


@both
class TestTagsOfAnInspection:

  @pytest.fixture
  def inspect(self, programs, shared_server, scripted, outcome, over):
    def run_inspect(action, text):
      name = scripted.add("app", "v1", Served())
      scripted.on("GET", "/tags/list", action)
      result = outcome(programs.inspect(name, server=shared_server), text)
      return [] if over else json.loads(result.stdout)["RepoTags"]
    return run_inspect

  def test_pages(self, inspect, over):
    found = inspect(pages_of(1000 + over), "more than 1000 pages")
    assert over or found == ["t%d" % number for number in range(1, 1001)]

  def test_bytes_of_a_page(self, inspect, over):
    found = inspect(pages_of(1, lambda number: tags(["t"]).ljust(4 * MIB + over)),
                    "a page of more than 4194304 bytes")
    assert over or found == ["t"]

  def test_tags(self, inspect, over):
    found = inspect(split(["%d" % number for number in range(1_000_000 + over)], 10),
                    "more than 1000000 tags")
    assert over or len(found) == 1_000_000

  def test_bytes_of_tags(self, inspect, over):
    names = long_tags(8 * MIB + over)
    assert inspect(split(names, 10), "more than 8388608 bytes of tags") == ([] if over else names)


@both
class TestTagLists:

  @pytest.fixture
  def list_tags(self, programs, shared_server, scripted, outcome, over):
    def run_list_tags(action, text):
      scripted.on("GET", "/tags/list", action)
      name = "docker://%s/app" % scripted.address
      result = programs.holkas("list-tags", "--tls-verify=false", name, server=shared_server)
      outcome(result, text)
      return [] if over else json.loads(result.stdout)["Tags"]
    return run_list_tags

  @pytest.mark.soak
  def test_connections(self, list_tags, over):
    """The first connection is for TLS, which this registry does not speak."""
    action = pages_of(4095 + over)

    def act(handler, body):
      handler.close_connection = True
      action(handler, body)

    found = list_tags(act, "connections: more than 4096")
    assert over or len(found) == 4095

  @pytest.mark.soak
  def test_pages(self, list_tags, over):
    found = list_tags(pages_of(10_000 + over), "more than 10000 pages")
    assert over or len(found) == 10_000

  def test_bytes_of_a_page(self, list_tags, over):
    found = list_tags(pages_of(1, lambda number: tags(["t"]).ljust(16 * MIB + over)),
                      "a page of more than 16777216 bytes")
    assert over or found == ["t"]

  def test_tags(self, list_tags, over):
    found = list_tags(split(["%d" % number for number in range(1_000_000 + over)], 10),
                      "more than 1000000 tags")
    assert over or len(found) == 1_000_000

  def test_bytes_of_a_next_pages_url(self, list_tags, over):
    url = "/v2/app/tags/list?page=2&filler=".ljust(16 * KIB + over, "x")
    found = list_tags(tag_pages(lambda number: (tags(["t"]), url if number == 1 else None)),
                      "the next page: a URL of more than 16384 bytes")
    assert over or found == ["t", "t"]

  @pytest.mark.soak
  def test_bytes_of_tags(self, list_tags, over):
    names = long_tags(64 * MIB + over)
    found = list_tags(split(names, 10), "more than 67108864 bytes of tags")
    assert over or found == names

  def test_bytes_of_a_tag(self, list_tags, over):
    names = ["t" * (KIB + over)]
    assert list_tags(split(names, 1), "more than 1024 bytes in a tag") == ([] if over else names)

  def test_bytes_of_a_word(self, list_tags, over):
    page = b'{"name":"%s","tags":["t"]}' % (b"x" * (64 * KIB + over))
    found = list_tags(pages_of(1, lambda number: page), "a word of more than 65536 bytes")
    assert over or found == ["t"]

  def test_levels_of_json(self, list_tags, over):
    page = nested({"tags": ["t"]}, 64 + over)
    found = list_tags(pages_of(1, lambda number: page), "more than 64 levels")
    assert over or found == ["t"]


@both
class TestRequests:

  def test_bytes_of_a_field(self, programs, shared_server, scripted, over):
    name = scripted.add("app", "v1", Served())
    result = programs.inspect(name, "--registry-token", "t" * (4096 + over), server=shared_server)
    assert result.code == over, result
    assert not over or "field registry.bearer_token is longer than 4096 bytes" in result.stderr

  def test_bytes_of_a_request(self, programs, shared_server, tmp_path, over):
    """The message of gRPC: 4 bytes say that the rest is the field."""
    request = tmp_path / "request"
    request.write_text(json.dumps({"image": "x" * (2 * MIB + over - 4)}))
    with open(request, "rb") as text:
      result = run([grpcurl.program(), "-plaintext", "-unix", "-d", "@", shared_server.socket,
                    "holkas.v1.ImageService/Inspect"], stdin=text)
    want = ("Code: ResourceExhausted", "2097153 vs. 2097152") if over else (
        "Code: InvalidArgument", "field image is longer than 4096 bytes")
    assert all(text in result.stderr for text in want), result
