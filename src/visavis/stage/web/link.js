// The line to the server: a WebSocket that comes back by itself.

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
const SILENCE_MS = 4000; // the server speaks at least once a second

export function socketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

export class Link {
  /**
   * @param {string} url
   * @param {{message: (data: object) => void, state: (up: boolean, hadBeenUp: boolean) => void}} on
   */
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.wait = FIRST_WAIT_MS;
    this.hadBeenUp = false;
    this.connections = 0;
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.listen(SILENCE_MS);
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      let message;
      try {
        message = JSON.parse(event.data);
      } catch {
        return; // a proxy's noise is no reason to stop
      }
      if (message.v !== 1) return;
      if (this.wait !== FIRST_WAIT_MS || !this.up) {
        this.wait = FIRST_WAIT_MS;
        this.up = true;
        this.hadBeenUp = true;
        this.connections += 1;
        this.on.state(true, true);
      }
      this.listen(SILENCE_MS);
      this.on.message(message);
    };
    socket.onclose = () => this.lost(socket);
  }

  listen(silenceMs) {
    clearTimeout(this.watchdog);
    const socket = this.socket;
    this.watchdog = setTimeout(() => {
      this.lost(socket);
      socket.close();
    }, silenceMs);
  }

  lost(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    clearTimeout(this.watchdog);
    this.up = false;
    this.on.state(false, this.hadBeenUp);
    // Pages that lost the same server do not all come back in the same instant.
    this.timer = setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 1.7, LONGEST_WAIT_MS);
  }
}
