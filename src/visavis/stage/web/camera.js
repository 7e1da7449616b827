// The visitor's own webcam, where the installation asks for it: small JPEG pictures, sent while the line keeps up.

import { socketUrl } from "./link.js";

const WIDTH = 640;
const RATE = 30;
const QUALITY = 0.8;
const MOST_WAITING_BYTES = 64 * 1024;
const BUSY = 1013;
const MISSING = new Set(["NotFoundError", "OverconstrainedError"]);

export class VisitorCamera {
  /** @param {(state: "off" | "asked" | "on" | "cameraDenied" | "cameraMissing" | "cameraInsecure" | "cameraBusy") => void} tell */
  constructor(tell) {
    this.tell = tell;
    this.wanted = false;
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.playsInline = true;
    this.canvas = document.createElement("canvas");
    this.stream = null;
    this.socket = null;
    this.sent = 0;
  }

  async start() {
    if (this.wanted) return;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.tell("cameraInsecure");
      return;
    }
    this.wanted = true;
    this.tell("asked");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: WIDTH }, height: { ideal: 480 }, frameRate: { ideal: RATE }, facingMode: "user" },
      });
      // Who stopped while the browser was still asking is not to be filmed, and who began again is filmed once.
      if (!this.wanted || this.stream) {
        release(stream);
        return;
      }
      this.stream = stream;
      stream.getVideoTracks()[0].onended = () => this.stop();
      this.video.srcObject = stream;
      await this.video.play();
    } catch (error) {
      if (this.wanted) this.stop(MISSING.has(error.name) ? "cameraMissing" : "cameraDenied");
      return;
    }
    if (this.wanted) this.connect();
  }

  /** Switch the camera off, whether its pictures are taken or wait to be. */
  stop(state = "off") {
    this.wanted = false;
    clearTimeout(this.retry);
    clearInterval(this.timer);
    release(this.stream);
    this.stream = null;
    this.video.srcObject = null;
    this.socket?.close();
    this.socket = null;
    this.tell(state);
  }

  connect() {
    const socket = new WebSocket(socketUrl("/ws/camera"));
    this.socket = socket;
    // The server's word that this visitor is the one the portrait looks at; an open line alone does not say so.
    socket.onmessage = () => {
      if (socket !== this.socket) return;
      clearInterval(this.timer);
      this.timer = setInterval(() => this.send(socket), 1000 / RATE);
      this.tell("on");
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      clearInterval(this.timer);
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

function release(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
