"""The portrait: rig a painting once, then play any `Expression` on it.

From a painting to its rig: `gallery`, `names` and `sitter` find the picture and who sits in it; `rig` makes a `Rig` of

- `basis`, `projection` and `motions` (what faces do, in the painting's pose) over `fields`, `sway` and `breath`;
- `lipline`, `parting`, `mouthmaker` and `mouth` (the cut, and what lies behind it);
- `eyemaker` and `eyes`; `folds` and `creases`; `paint` and `veil` (how sharp and how faded the picture is).

From an `Expression` to pixels: `render` draws by `movement` (how far each node goes), `inverse` and `warp` (where each
pixel's paint comes from), `paint` and `lids`; `loops` is what numba compiles of it, `second_thread` shares the work.

What it plays: `presets` (emotions), `answer` (replies to a reading), `life` and `presence` (blinks, breath, solitude),
`passage` (films), `driver` (a person who drives it).

How it leaves Python: `webrig` (the page), `glb` (`cutmesh`), `cutout`, `card` and `sheet` (pictures of several);
`renderers` and `contract` let others draw it.

What it is worth: `check` and `occlusion` (one rig), `score` (what others read off it).
"""
