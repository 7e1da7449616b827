"""The lab: data sets, training, evaluation and export of the attribute classifier (`pip install 'visavis[lab]'`).

Nothing outside the lab imports it. Importing this package loads neither torch nor Keras; its modules `efficientnet`,
`models` and `train` do, when they are used.
"""
