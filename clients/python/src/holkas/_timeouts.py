"""How long calls may take when the caller does not say so: the one place that knows."""

import dataclasses
import math
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Timeouts:
  """How long each kind of call may take, in seconds, from its start to its end. None: as long as the
  server lets it, which is an hour unless it is configured otherwise.

  A client has one set, `Client(address, timeouts=Timeouts(inspect=5))`; each call may be given its
  own, `client.inspect(request, timeout=5)`, where `math.inf` is none at all.
  """

  inspect: Optional[float] = 60
  copy: Optional[float] = None
  delete: Optional[float] = 60
  list_tags: Optional[float] = 60
  sync: Optional[float] = None
  sign: Optional[float] = 60
  verify: Optional[float] = 60
  import_archive: Optional[float] = None
  export_archive: Optional[float] = None
  check_credentials: Optional[float] = 60
  get_server_info: Optional[float] = 10


def choose(asked: Optional[float], otherwise: Optional[float]) -> Optional[float]:
  """The timeout that gRPC is to be given: the caller's own where there is one."""
  chosen = otherwise if asked is None else asked
  return None if chosen == math.inf else chosen
