"""What a command takes, with all the processes that it starts, whoever they belong to."""

import json
import subprocess
import sys

# Its child's usage is that of the child and of all that it and its descendants waited for. A process
# of its own, because what a process had in memory before exec counts, too.
_MEASURE = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime,
                  usage.ru_maxrss * 1024]))
"""


class Usage:
  """How a command ended and what it took: processor time of all processes together, and the most
  memory that any one of them had."""

  def __init__(self, command, env, timeout=120):
    ended = subprocess.run([sys.executable, "-S", "-E", "-c", _MEASURE, *map(str, command)], env=env,
                           capture_output=True, timeout=timeout, check=True)
    self.code, self.cpu_seconds, self.peak_bytes = json.loads(ended.stdout)
    self.stderr = ended.stderr.decode(errors="replace")
