"""registries.conf through the command line and a real registry: mirrors, locations, blocks."""

import json

import pytest


@pytest.fixture
def copied(programs, registry, image_layout):
  """The test image in a repository of its own: host:port/path of the repository."""
  name = registry.repository("mirrored")
  programs.copy("oci:%s:latest" % image_layout, name + ":1", "--all").ok()
  return name[len("docker://"):]


@pytest.fixture
def configure(programs, tmp_path):
  """Runs the command line with the registries.conf given."""

  def run(conf, *arguments):
    path = tmp_path / "registries.conf"
    path.write_text(conf)
    return programs.holkas("--registries-conf", path, *arguments)

  return run


def mirrored(location, mirror):
  """The registries.conf of registry.invalid/app, which is at `location` and at `mirror`."""
  return """
[[registry]]
prefix = "registry.invalid/app"
location = "%s"
insecure = true
[[registry.mirror]]
location = "%s"
insecure = true
""" % (location, mirror)


def test_image_is_read_from_the_mirror(configure, copied, registry):
  mark = registry.mark()
  result = configure("""
[[registry]]
location = "registry.invalid/team"
[[registry.mirror]]
location = "%s"
insecure = true
""" % copied.rsplit("/", 1)[0], "inspect", "docker://registry.invalid/team/%s:1"
                     % copied.rsplit("/", 1)[1]).ok()
  described = json.loads(result.stdout)
  assert described["Name"] == "registry.invalid/team/" + copied.rsplit("/", 1)[1]
  assert described["RepoTags"] == ["1"]
  assert registry.requests(mark)


def test_tags_are_those_of_the_mirror(configure, copied, registry):
  mark = registry.mark()
  result = configure(mirrored("127.0.0.1:1/app", copied),
                     "list-tags", "docker://registry.invalid/app").ok()
  assert json.loads(result.stdout) == {"Repository": "registry.invalid/app", "Tags": ["1"]}
  assert registry.requests(mark)


def test_mirror_that_is_down_is_left_for_the_location(configure, copied, tmp_path):
  result = configure(mirrored(copied, "127.0.0.1:1/app"),
                     "copy", "docker://registry.invalid/app:1", "oci:%s:x" % (tmp_path / "to")).ok()
  assert "Writing manifest" in result.stdout


def test_error_tells_of_the_mirrors(configure, copied):
  result = configure(mirrored(copied, copied + "-missing"),
                     "inspect", "docker://registry.invalid/app:none")
  assert result.code == 2
  assert "(Mirrors also failed: [%s-missing:none: " % copied in result.stderr
  assert "): %s:none: " % copied in result.stderr


def test_blocked_registry(configure, tmp_path):
  conf = '[[registry]]\nlocation = "registry.invalid"\nblocked = true\n'
  for arguments in (["inspect", "docker://registry.invalid/app"],
                    ["copy", "dir:%s" % tmp_path, "docker://registry.invalid/app"]):
    result = configure(conf, *arguments)
    assert result.code == 1
    assert "registry registry.invalid is blocked in %s" % (tmp_path / "registries.conf") \
        in result.stderr


def test_pushes_do_not_go_to_mirrors(configure, copied, registry, image_layout):
  result = configure("""
[[registry]]
location = "127.0.0.1:1"
[[registry.mirror]]
location = "%s"
insecure = true
""" % registry.address, "copy", "--dest-tls-verify=false", "oci:%s:latest" % image_layout,
                     "docker://127.0.0.1:1/app:1")
  assert result.code == 1
  assert "127.0.0.1:1" in result.stderr


def test_malformed_file_is_named(configure, tmp_path):
  result = configure("[[registry]\n", "inspect", "docker://registry.invalid/app")
  assert result.code == 1
  assert "registries.conf:1" in result.stderr
