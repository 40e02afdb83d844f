# SPDX-License-Identifier: GPL-2.0
"""Networks that lose packets and tell nobody: commands for a guest, to begin and to end it."""

import contextlib

RAILS = (1, 2)
# The kernel patches its own code when the first rule for what comes in is made and when the last one
# goes, and an emulated processor now and then runs into the breakpoint that it sets for that: one stays.
KEEP = "nft 'table inet keep { chain in { type filter hook input priority -300; }; }'"


def device(rail):
    """What a guest calls its end of it."""
    return f"eth{rail - 1}"


def hole(rails=RAILS):
    """No packet comes in or goes out there.

    What netfilter stops on its way out soft RoCE takes for a failure of its own, and connection
    management never works again; of what a queue loses it learns nothing."""
    devs = [device(rail) for rail in rails]
    name = "hole_" + "_".join(devs)
    begin = [KEEP, f"nft 'table inet {name} {{ chain in {{ type filter hook input priority -300; "
             f"iifname {{ {', '.join(devs)} }} drop; }}; }}'"]
    begin += [f"tc qdisc add dev {dev} root netem loss 100%" for dev in devs]
    end = [f"nft delete table inet {name}"] + [f"tc qdisc del dev {dev} root" for dev in devs]
    return " && ".join(begin), "; ".join(end)


def deaf(which="", name="deaf"):
    """Nothing that this rule names (everything, unless told) arrives."""
    drop = f"{which} drop;" if which else "policy drop;"
    return (f"{KEEP} && nft 'table inet {name} {{ chain in {{ type filter hook input priority -300; {drop} }}; }}'",
            f"nft delete table inet {name}")


@contextlib.contextmanager
def silence(guests, which="", name="deaf"):
    """Meanwhile they are all deaf(), and again not, whatever happens."""
    begin, end = deaf(which, name)
    with contextlib.ExitStack() as undo:
        for guest in guests:
            guest.check(begin)
            undo.callback(guest.check, end)
        yield
