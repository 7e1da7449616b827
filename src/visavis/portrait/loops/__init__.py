"""The loops over nodes and pixels that no library draws, as machine code.

What is done for every node or pixel of a frame, and would take OpenCV and NumPy dozens of passes over small arrays. The
modules here import numba, which takes a while: import them where they are called.
"""
