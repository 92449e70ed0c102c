"""The command `titans-mini miras`: the design space in plain text."""

from collections import Counter

from ..language import about, say
from ..miras import KNOBS, PRESETS, allowed, refused, table


def miras_table() -> str:
    """Every choice with its formula and reference, the presets, and what cannot be combined and why."""
    lines = []
    rows = table()
    for knob in KNOBS:
        lines.append(knob.upper())
        for row in (row for row in rows if row["knob"] == knob):
            number = f"; {say(row['number'])}" if row["number"] else ""
            lines.append(f"  {row['name']:<14} {about(knob, row['name'], row['what'])}")
            lines.append(f"  {'':<14} {row['formula']}{number}   [{say(row['reference'])}]")
        lines.append("")
    lines.append(say("PRESETS"))
    for name, preset in PRESETS.items():
        lines.append(f"  {name:<17} {' + '.join(preset.config.combination)}")
        lines.append(f"  {'':<17} {about('preset', name, preset.note)}   [{say(preset.reference)}]")
    left_out = refused()
    text = "{count} combinations can be built; {others} cannot:"
    lines += ["", say(text, count=len(allowed()), others=len(left_out))]
    for why, count in Counter(why for _, why in left_out).most_common():
        lines.append(f"  {count:>5}  {say(why)}")
    return "\n".join(lines)
