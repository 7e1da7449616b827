"""The other side of `faces_darknet.py`: OpenCV 4's own Darknet importer, run by an interpreter that has OpenCV 4.

    python faces_opencv4.py CFG WEIGHTS PICTURE.npy OUT.npz ROUNDS

PICTURE.npy is the network's input, (1, 3, height, width) float32. OUT.npz gets what each [yolo] layer gives, the
milliseconds of every forward pass after two of warm-up, and OpenCV's version.
"""

import sys
import time

import cv2
import numpy as np

cfg, weights, picture, out, rounds = sys.argv[1:]
cv2.setNumThreads(2)
net = cv2.dnn.readNetFromDarknet(cfg, weights)  # type: ignore[attr-defined]  # gone in OpenCV 5
net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
names = net.getUnconnectedOutLayersNames()
blob = np.load(picture)
times = []
for attempt in range(int(rounds) + 2):
    start = time.perf_counter()
    net.setInput(blob)
    maps = net.forward(names)
    if attempt >= 2:
        times.append((time.perf_counter() - start) * 1000)
rows = {f"rows_{name.removeprefix('yolo_')}": rows for name, rows in zip(names, maps, strict=True)}
np.savez(out, times=np.array(times), version=cv2.__version__, **rows)
