"""Patterns of JSON: what a test expects of values that are not known beforehand.

A pattern is JSON itself, but for objects with one of these members alone:

  {"$re": "..."}          a string that the regular expression describes as a whole
  {"$any": true}          anything
  {"$like": {...}}        an object that has these members, and maybe others
  {"$begins": [...]}      a list that begins so
  {"$unordered": [...]}   in a list: so many elements, in any order
"""

import re


def mismatches(pattern, actual, where="$"):
  """What of `actual` is not as `pattern` says, one line each; none where all is."""
  kind, argument = _special(pattern)
  if kind == "$any":
    return []
  if kind == "$re":
    fits = isinstance(actual, str) and re.fullmatch(argument, actual)
    return [] if fits else ["%s: /%s/ expected, not %r" % (where, argument, actual)]
  if kind == "$like":
    return _object(argument, actual, where, open_ended=True)
  if kind == "$begins":
    return _list(argument, actual, where, open_ended=True)
  if isinstance(pattern, dict):
    return _object(pattern, actual, where, open_ended=False)
  if isinstance(pattern, list):
    return _list(pattern, actual, where, open_ended=False)
  return [] if pattern == actual else ["%s: %r expected, not %r" % (where, pattern, actual)]


def _special(pattern):
  if isinstance(pattern, dict) and len(pattern) == 1:
    (kind, argument), = pattern.items()
    if kind.startswith("$"):
      return kind, argument
  return None, None


def _object(members, actual, where, open_ended):
  if not isinstance(actual, dict):
    return ["%s: an object expected, not %r" % (where, actual)]
  found = []
  for name, pattern in members.items():
    if name in actual:
      found += mismatches(pattern, actual[name], "%s.%s" % (where, name))
    else:
      found.append("%s.%s: missing" % (where, name))
  if not open_ended:
    found += ["%s.%s: not expected: %r" % (where, name, value)
              for name, value in actual.items() if name not in members]
  return found


def _list(patterns, actual, where, open_ended):
  if not isinstance(actual, list):
    return ["%s: a list expected, not %r" % (where, actual)]
  found, at = [], 0
  for pattern in patterns:
    kind, argument = _special(pattern)
    count = len(argument) if kind == "$unordered" else 1
    part = actual[at:at + count]
    here = "%s[%d]" % (where, at)
    if len(part) < count:
      found.append("%s: %r expected, but it ends" % (here, pattern))
    elif kind == "$unordered":
      found += _unordered(argument, part, here)
    else:
      found += mismatches(pattern, part[0], here)
    at += count
  if not open_ended:
    found += ["%s[%d]: not expected: %r" % (where, at + i, value) for i, value in enumerate(actual[at:])]
  return found


def _unordered(patterns, actual, where):
  left, found = list(actual), []
  for pattern in patterns:
    fitting = [value for value in left if not mismatches(pattern, value)]
    if fitting:
      left.remove(fitting[0])
    else:
      found.append("%s: %r expected among %r" % (where, pattern, left))
  return found
