// The visitor's own webcam, where the installation asks for it: small JPEG pictures, sent while the line keeps up.

import { socketUrl } from "./link.js";

const WIDTH = 640;
const RATE = 30;
const QUALITY = 0.8;
const MOST_WAITING_BYTES = 64 * 1024;
const BUSY = 1013;

export class VisitorCamera {
  /** @param {(state: "off" | "on" | "cameraDenied" | "cameraMissing" | "cameraInsecure" | "cameraBusy") => void} tell */
  constructor(tell) {
    this.tell = tell;
    this.wanted = false;
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.canvas = document.createElement("canvas");
    this.sent = 0;
  }

  async start() {
    if (this.wanted) return;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.tell("cameraInsecure");
      return;
    }
    this.wanted = true;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: WIDTH }, height: { ideal: 480 }, frameRate: { ideal: RATE }, facingMode: "user" },
      });
    } catch (error) {
      this.wanted = false;
      this.tell(error.name === "NotFoundError" || error.name === "OverconstrainedError" ? "cameraMissing" : "cameraDenied");
      return;
    }
    this.stream.getVideoTracks()[0].onended = () => this.stop();
    this.video.srcObject = this.stream;
    await this.video.play();
    this.connect();
  }

  stop() {
    this.wanted = false;
    clearTimeout(this.retry);
    clearInterval(this.timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.socket?.close();
    this.tell("off");
  }

  connect() {
    const socket = new WebSocket(socketUrl("/ws/camera"));
    this.socket = socket;
    socket.onopen = () => {
      clearInterval(this.timer);
      this.timer = setInterval(() => this.send(socket), 1000 / RATE);
      this.tell("on");
    };
    socket.onclose = (event) => {
      clearInterval(this.timer);
      if (!this.wanted) return;
      if (event.code === BUSY) this.tell("cameraBusy");
      this.retry = setTimeout(() => this.connect(), 2000);
    };
  }

  send(socket) {
    const { video, canvas } = this;
    if (this.busy || socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > MOST_WAITING_BYTES) return;
    if (!video.videoWidth || document.hidden) return;
    const scale = Math.min(WIDTH / video.videoWidth, 1);
    const width = Math.round(video.videoWidth * scale);
    const height = Math.round(video.videoHeight * scale);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d", { alpha: false }).drawImage(video, 0, 0, width, height);
    this.busy = true;
    canvas.toBlob((blob) => {
      this.busy = false;
      if (blob && socket.readyState === WebSocket.OPEN) {
        socket.send(blob);
        this.sent += 1;
      }
    }, "image/jpeg", QUALITY);
  }
}
