// Plays the messages' numbers at the display's own rate.
//
// Messages carry the server's time. They are played a little late, by about the time between two of them, so that there
// is nearly always a next one to move towards; in between, numbers are interpolated by elapsed time. A critically damped
// spring takes the edge off what remains (a lost message, a reconnection).

const LONGEST_DELAY_S = 0.2;
const KEEP = 32;
const RESET_S = 2;
const SPRING = 80; // per second: a step is nine tenths done after 50 ms
const SETTLED = 2e-4;

export class Playout {
  /** @param {number} size how many numbers a message has */
  constructor(size) {
    this.value = new Float64Array(size);
    this.speed = new Float64Array(size);
    this.target = new Float64Array(size);
    this.reset();
  }

  /** Forget the messages, not where the numbers are: what follows is moved to smoothly. */
  reset() {
    this.queue = [];
    this.offset = null; // smallest arrival time less server time seen lately: the line's shortest delay
    this.interval = 1 / 30;
    this.jitter = 0.005;
    this.last = null;
  }

  /** Take the numbers of the server's time `timeS`, received at `arrivalS`; both in seconds, on clocks of their own. */
  push(timeS, values, arrivalS) {
    const newest = this.queue.at(-1);
    if (newest && (timeS < newest.timeS || timeS - newest.timeS > RESET_S)) this.reset();
    else if (newest && timeS === newest.timeS) return;
    const lag = arrivalS - timeS;
    if (this.offset === null || lag < this.offset) this.offset = lag;
    else this.offset += Math.min(lag - this.offset, 0.0005); // follows clocks that drift apart
    this.jitter += (lag - this.offset - this.jitter) * 0.1;
    const before = this.queue.at(-1);
    if (before) this.interval += (timeS - before.timeS - this.interval) * 0.1;
    this.queue.push({ timeS, values });
    if (this.queue.length > KEEP) this.queue.shift();
  }

  /** How late messages are played, in seconds. */
  get delay() {
    return Math.min(this.interval + 2 * this.jitter, LONGEST_DELAY_S);
  }

  /** The numbers at `nowS`, on the clock of the arrivals. The array returned is reused. */
  sample(nowS) {
    const elapsed = this.last === null ? 0 : Math.min(Math.max(nowS - this.last, 0), 1);
    this.last = nowS;
    if (this.queue.length) this.#aim(nowS - this.offset - this.delay);
    this.#follow(elapsed);
    return this.value;
  }

  #aim(time) {
    const queue = this.queue;
    while (queue.length > 2 && queue[1].timeS <= time) queue.shift();
    const [from, to] = queue;
    if (!to || time <= from.timeS) {
      this.target.set(from.values);
      return;
    }
    const part = Math.min((time - from.timeS) / (to.timeS - from.timeS), 1);
    for (let i = 0; i < this.target.length; i++) {
      this.target[i] = from.values[i] + (to.values[i] - from.values[i]) * part;
    }
  }

  #follow(elapsed) {
    const decay = Math.exp(-SPRING * elapsed);
    for (let i = 0; i < this.value.length; i++) {
      const distance = this.value[i] - this.target[i];
      if (Math.abs(distance) < SETTLED && Math.abs(this.speed[i]) < SETTLED * SPRING) {
        this.value[i] = this.target[i];
        this.speed[i] = 0;
        continue;
      }
      const push = (this.speed[i] + SPRING * distance) * elapsed;
      this.value[i] = this.target[i] + (distance + push) * decay;
      this.speed[i] = (this.speed[i] - SPRING * push) * decay;
    }
  }
}
