"""The code that clients keep beside their own is what tools/generate writes."""

import pathlib
import shutil
import subprocess

from support.programs import run

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def test_generated_code_is_up_to_date():
  run([ROOT / "tools" / "generate", "--check"], timeout=300).ok()


def test_changed_missing_and_superfluous_files_are_found(tmp_path):
  for path in ("tools/lib", "proto/holkas/v1", "clients/go/holkaspb"):
    shutil.copytree(ROOT / path, tmp_path / path)
  for path in ("tools/generate", "clients/go/generate"):
    shutil.copy2(ROOT / path, tmp_path / path)
  subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
  generate = tmp_path / "tools" / "generate"
  code = tmp_path / "clients" / "go" / "holkaspb"
  run([generate, "--check"]).ok()

  messages = code / "image.pb.go"
  messages.write_text(messages.read_text().replace("Platform", "Form", 1))
  assert run([generate, "--check"]).code == 1
  messages.unlink()
  assert run([generate, "--check"]).code == 1
  run([generate]).ok()
  run([generate, "--check"]).ok()
  shutil.copy2(messages, code / "old.pb.go")
  assert run([generate, "--check"]).code == 1
  run([generate]).ok()
  assert sorted(path.name for path in code.iterdir()) == sorted(
      path.name for path in (ROOT / "clients" / "go" / "holkaspb").iterdir())
