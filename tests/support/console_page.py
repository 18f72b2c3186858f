"""Pages that show commands and what they print, and whether they still do.

In a block of the language `console`, a line that begins with `$ ` is a command, which goes on where a
line ends with a backslash, a pipe or inside of single quotes; the lines up to the next command are what it
prints, standard error too. `...` stands for anything within a line, alone on a line for any lines.
"""

import re
import subprocess


class Step:
  """One command of a page. `shown` is what the page says that it prints."""

  def __init__(self, command, line):
    self.command = command
    self.line = line
    self.shown = ""

  def goes_on(self):
    return self.command.endswith(("\\", "|")) or self.command.count("'") % 2 == 1

  def matches(self, printed):
    return re.fullmatch(self._pattern(), printed) is not None

  def _pattern(self):
    pattern = ""
    for line in self.shown.splitlines():
      if line.strip() == "...":
        pattern += r"(?:.*\n)*?"
      else:
        pattern += ".*".join(map(re.escape, line.split("..."))) + r"\n"
    return pattern


def steps(text):
  """The commands of a page in order."""
  found, inside = [], False
  for number, line in enumerate(text.splitlines(), 1):
    if line.startswith("```"):
      inside = not inside and line == "```console"
    elif inside and line.startswith("$ "):
      found.append(Step(line[2:], number))
    elif inside and found[-1].goes_on():
      found[-1].command += "\n" + line
    elif inside:
      found[-1].shown += line + "\n"
  return found


class Names:
  """What stands in a page for what there is on this machine."""

  def __init__(self, real):
    """`real` has, for each name of the page, the real one."""
    self._real = real

  def to_real(self, text):
    for name, real in self._real.items():
      text = text.replace(name, real)
    return text

  def to_page(self, text):
    # The longest first: one may begin with another.
    for name, real in sorted(self._real.items(), key=lambda pair: -len(pair[1])):
      text = text.replace(real, name)
    return text


def perform(step, names, env, cwd):
  """What a command prints, in the page's names."""
  process = subprocess.run(["/bin/bash", "-c", names.to_real(step.command)], env=env, cwd=cwd, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
  return names.to_page(process.stdout)
