"""The command `titans-mini miras`: the design space in plain text."""

from collections import Counter

from ..miras import KNOBS, PRESETS, allowed, refused, table


def miras_table() -> str:
    """Every choice with its formula and reference, the presets, and what cannot be combined and why."""
    lines = []
    rows = table()
    for knob in KNOBS:
        lines.append(knob.upper())
        for row in (row for row in rows if row["knob"] == knob):
            number = f"; {row['number']}" if row["number"] else ""
            lines.append(f"  {row['name']:<14} {row['what']}")
            lines.append(f"  {'':<14} {row['formula']}{number}   [{row['reference']}]")
        lines.append("")
    lines.append("PRESETS")
    for name, preset in PRESETS.items():
        lines.append(f"  {name:<17} {' + '.join(preset.config.combination)}")
        lines.append(f"  {'':<17} {preset.note}   [{preset.reference}]")
    left_out = refused()
    lines += ["", f"{len(allowed())} combinations can be built; {len(left_out)} cannot:"]
    for why, count in Counter(why for _, why in left_out).most_common():
        lines.append(f"  {count:>5}  {why}")
    return "\n".join(lines)
