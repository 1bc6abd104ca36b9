"""Shares a real file and a folder between two clouds through their public interfaces, and says what happens."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from demo.clouds import Cloud, pair, wait

FOLDER = Path(".demo")
PAPER = Path(__file__).parent.parent / "LICENSE"  # a real file that every clone has
POSTCARD = "postcard.txt"
ENDINGS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """The whole demo; the exit code."""
    for ending in ENDINGS:
        signal.signal(ending, _end)
    one, two = pair(FOLDER.absolute(), sys.argv[1:])
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        _step(f"Two clouds start: {one.url} with {one.full_name}, {two.url} with {two.full_name}.")
        one.start()
        two.start()
        share_a_file(one, two)
        share_a_folder(one, two)
        one.dav("PUT", POSTCARD, b"Greetings from one cloud to another.\n")
        print(ENDING.format(one=one, two=two, steps=STEPS.format(one=one, two=two, name=POSTCARD)), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print("\nBoth clouds are stopped. Their data stays in .demo until the next run.")
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    finally:
        for cloud in (one, two):
            cloud.stop()
    return 0


def _end(*_: object) -> None:
    """The first wish to end it counts: a second one, of somebody impatient, would leave a cloud behind."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


def share_a_file(one: Cloud, two: Cloud) -> None:
    """A file that may only be read."""
    content = PAPER.read_bytes()
    _step(f"{one.user} uploads a file of {len(content):,} bytes over WebDAV.")
    one.dav("PUT", "licence.txt", content)
    offer = _share(one, two, "licence.txt", ["read"])
    _step(f"{two.user} reads it in her own tree, at {offer['path']}.")
    _expect(two.dav("GET", offer["path"]) == content, "it is the same, byte for byte")


def share_a_folder(one: Cloud, two: Cloud) -> None:
    """A folder that may be written."""
    _step(f"{one.user} makes a folder with a file in it.")
    one.dav("MKCOL", "Experiments")
    one.dav("PUT", "Experiments/plan.txt", b"1. Measure.\n")
    offer = _share(one, two, "Experiments", ["read", "write"])
    _step(f"{two.user} lists it, writes into {offer['path']}/plan.txt, and adds a file of her own.")
    _expect(b"plan.txt" in two.dav("PROPFIND", offer["path"]), "plan.txt is listed")
    two.dav("PUT", f"{offer['path']}/plan.txt", b"1. Measure.\n2. Measure again.\n")
    two.dav("PUT", f"{offer['path']}/results.txt", b"It glows.\n")
    _step(f"{one.user} finds both in his own folder.")
    _expect(b"again" in one.dav("GET", "Experiments/plan.txt"), "plan.txt is changed")
    _expect(one.dav("GET", "Experiments/results.txt") == b"It glows.\n", "results.txt is new")


def _share(one: Cloud, two: Cloud, path: str, permissions: list[str]) -> dict[str, Any]:
    """Shares, waits until it has arrived, accepts, and waits until the sender knows."""
    _step(f"{one.user} shares {path} with {two.address}: she may {' and '.join(permissions)}.")
    share = one.api("POST", "shares", {"path": path, "shareWith": two.address, "permissions": permissions})
    offer = wait(lambda: next((row for row in two.api("GET", "received") if row["name"] == path), None))
    signed = f"signature: {offer['verified']}"
    print(f"      {two.user} sees: {offer['name']!r} from {offer['sender']} ({signed}), {offer['state']}")
    _step(f"{two.user} accepts {path}.")
    accepted: dict[str, Any] = two.api("POST", f"received/{offer['id']}/accept")
    wait(lambda: one.api("GET", f"shares/{share['id']}")["state"] == "accepted")
    print(f"      {one.user} sees: accepted")
    return accepted


def _step(text: str) -> None:
    _step.number += 1  # type: ignore[attr-defined]
    print(f"\n{_step.number:>3}. {text}", flush=True)  # type: ignore[attr-defined]


_step.number = 0  # type: ignore[attr-defined]


def _expect(fact: bool, text: str) -> None:
    if not fact:
        raise RuntimeError(f"It is not so that {text}.")
    print(f"      ✓ {text}", flush=True)


# What somebody who sees this for the first time does in a browser; in quotes is what is to be read there.
STEPS = """
  1. Open {one.url} in a browser. As "User name" type {one.user}, as "Password" type {one.password}; press "Sign in".
  2. Beside {name}, press "Share". As "Their address" type {two.address}; press "Share".
  3. Open {two.url}. As "User name" type {two.user}, as "Password" type {two.password}; press "Sign in".
  4. Press "Shared with me", and beside {name} "Accept". Then press "Open": it has come from the other cloud.
"""

ENDING = """
Both clouds are up until you press Ctrl-C. Now share something yourself:
{steps}
  cloud     {one.url:<24} {two.url}
  user      {one.user:<24} {two.user}
  password  {one.password:<24} {two.password}
  address   {one.address:<24} {two.address}

From a program it is these, and {two.url}/dav/files/{two.user}/ for any WebDAV client:

  curl -u {one.user}:{one.password} -T README.md {one.url}/dav/files/{one.user}/readme.md
  curl -u {one.user}:{one.password} -H 'Content-Type: application/json' {one.url}/api/v1/shares \\
       -d '{{"path": "readme.md", "shareWith": "{two.address}"}}'
  curl -u {two.user}:{two.password} {two.url}/api/v1/received
"""

if __name__ == "__main__":
    sys.exit(main())
