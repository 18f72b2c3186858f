"""One fault of a registry or a realm, and what is to come of it."""

HIDDEN = object()   # the command succeeds
EITHER = object()   # it succeeds, or fails


class Case:
  """The rules that make the fault, and what is to come of it; a text is in the message.

  `place` is whose fault it is: the "source", the "destination", or the realm that one of them wants
  a token of, "source's realm" or "destination's realm". What is `slow` takes all of a peer's
  patience, or many attempts.
  """

  def __init__(self, kind, target, position, rules, outcome, command="copy", place="source",
               slow=False):
    self.kind, self.target, self.position = kind, target, position
    self.rules, self.outcome, self.command = rules, outcome, command
    self.place, self.slow = place, slow

  def __str__(self):
    return "%s, %s, %s byte, %s" % (self.kind, self.target, self.position, self.command)


def sample(cases, whole=()):
  """One case of each kind and request, at positions in turn, without the slow ones.

  Each request has every other kind, and the next request those between; requests for the targets in
  `whole` have all.
  """
  groups, kinds, requests = {}, {}, {}
  for case in cases:
    kind = kinds.setdefault(case.kind, len(kinds))
    request = requests.setdefault((case.target, case.command), len(requests))
    groups.setdefault((kind, request), []).append(case)
  chosen = []
  for number, ((kind, request), group) in enumerate(groups.items()):
    case = group[number % len(group)]
    if not case.slow and ((kind + request) % 2 == 0 or case.target in whole):
      chosen.append(case)
  return chosen
