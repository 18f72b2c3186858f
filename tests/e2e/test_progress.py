"""What --progress=json, the stream of the server's events, tells of a copy."""

import json
import time

from fakes.actions import slow
from support.images import Image


def kinds(events):
  return [next(k for k in e if k != "time") for e in events]


def test_events_are_exact(programs, shared_server, scripted, tmp_path):
  image = Image(layer_sizes=(100, 200_000, 3_000_000))
  source = scripted.add("app", "v1", image)
  events = programs.copy(source, "oci:%s:x" % (tmp_path / "to"), "--progress=json",
                         server=shared_server).ok().events()
  sizes = {d["digest"]: d["size"] for d in [*image.layers, image.config]}
  started = {e["blobStarted"]["digest"]: int(e["blobStarted"]["sizeBytes"])
             for e in events if "blobStarted" in e}
  finished = {e["blobFinished"]["digest"]: int(e["blobFinished"]["sizeBytes"])
              for e in events if "blobFinished" in e}
  assert started == sizes
  assert finished == sizes
  result = events[-1]["result"]
  assert result["manifestDigest"] == image.digest
  assert int(result["copiedBytes"]) == sum(sizes.values())
  assert result["copiedBlobs"] == 4
  assert kinds(events)[0] == "imageStarted"


def test_progress_is_early_and_steady(programs, shared_server, scripted, tmp_path):
  image = Image(layer_sizes=(400_000,))
  source = scripted.add("app", "v1", image)
  layer = image.layers[0]
  scripted.on("GET", layer["digest"], slow(200_000))  # two seconds
  process = programs.start_copy(source, "oci:%s:x" % (tmp_path / "to"), "--progress=json",
                                server=shared_server)
  times, done = [], []
  for line in process.stdout:
    event = json.loads(line)
    if event.get("blobProgress", {}).get("digest") == layer["digest"]:
      times.append(time.monotonic())
      done.append(int(event["blobProgress"].get("doneBytes", 0)))
    if "blobStarted" in event and event["blobStarted"]["digest"] == layer["digest"]:
      begun = time.monotonic()
  assert process.wait() == 0, process.stderr.read()
  process.stderr.close()
  process.stdout.close()
  first = next(t for t, d in zip(times, done) if d > 0)
  assert first - begun < 0.5  # 100 ms after the first byte, which is 20 ms after the start
  gaps = [b - a for a, b in zip(times, times[1:])]
  assert len(times) >= 4 and max(gaps) <= 0.5
  assert done == sorted(done)
  assert done[-1] <= layer["size"]
