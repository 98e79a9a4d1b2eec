"""Cuts Inter down to what documents need, and makes its tabular digits the digits.

    python cut.py <folder of Inter-Regular.woff2 and Inter-SemiBold.woff2>

Needs fonttools and brotli. Two runs write the same bytes.
"""

import pathlib
import sys

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = pathlib.Path(__file__).parent
UNICODES = (
    "U+0020-007E,U+00A0-024F,U+0259,U+02B0-02FF,U+0300-036F,U+0370-03FF,U+0400-052F,U+1E00-1EFF,U+2000-206F,"
    "U+2070-209F,U+20A0-20C0,U+2100-214F,U+2190-2199,U+2202-2265,U+25A0-25CF,U+2713-2717,U+FFFD"
)


def tabular(font):
    """The glyphs that the feature `tnum` puts in the place of others."""
    table = font["GSUB"].table
    found = {}
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for part in table.LookupList.Lookup[index].SubTable:
                    found.update(getattr(part, "ExtSubTable", part).mapping)
    return found


def cut(source, target):
    font = TTFont(source, recalcTimestamp=False)
    swaps = tabular(font)
    for table in font["cmap"].tables:
        # Only the digits: a tabular hyphen tears words apart. Two tables may be one and the same.
        for digit in range(ord("0"), ord("9") + 1):
            if digit in table.cmap:
                table.cmap[digit] = swaps.get(table.cmap[digit], table.cmap[digit])
    # The box that stands for a character without a glyph is kept.
    options = subset.Options(hinting=False, notdef_outline=True, layout_features=["kern", "mark", "mkmk", "ccmp", "locl"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=subset.parse_unicodes(UNICODES))
    subsetter.subset(font)
    font.flavor = None
    font.save(target)


for weight in ("Regular", "SemiBold"):
    cut(pathlib.Path(sys.argv[1]) / f"Inter-{weight}.woff2", HERE / f"Inter-{weight}.ttf")
