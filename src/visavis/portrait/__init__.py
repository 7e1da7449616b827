"""The portrait: rig a painting once, then play any `Expression` on it.

rig.py makes a `Rig` out of basis.py, fields.py, mouth.py, eyemaker.py and creases.py; render.py draws it.
"""
