// Upload files to presigned URLs: four at a time, each with its state and progress; retried on
// network errors, with a new URL when the old one has expired.

import * as toast from "./toast.js";

const AT_ONCE = 4;
const MOST_TRIES = 6;
const FIRST_DELAY_MS = 500;
const EXPIRED = 403;
const TOO_LARGE = 413;

class Refused extends Error {
  constructor(status) {
    super(`answered ${status}`);
    this.status = status;
  }
}

function put(item, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(item.target.method, item.target.url);
    for (const [name, value] of Object.entries(item.target.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded));
    request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(new Refused(request.status))));
    request.addEventListener("error", () => reject(new Refused(0)));
    request.addEventListener("timeout", () => reject(new Refused(0)));
    request.send(item.file);
  });
}

const online = () => navigator.onLine === false
  ? new Promise((resolve) => { addEventListener("online", resolve, { once: true }); })
  : Promise.resolve();

async function pause(tries) {
  const ms = FIRST_DELAY_MS * 2 ** tries * (0.75 + Math.random() / 2);
  await new Promise((resolve) => { setTimeout(resolve, ms); });
  await online();
}

export class Uploader {
  // `onChange(item)` is called for each change of an item: state waiting, sending, retrying, sent or
  // failed, and `loaded` bytes. `renew(item)` returns a new target.
  constructor({ onChange, renew }) {
    this.onChange = onChange;
    this.renew = renew;
    this.items = [];
  }

  add(id, file, target) {
    this.items.push({ id, file, target, state: "waiting", loaded: 0 });
  }

  // Uploads the waiting items; resolves with the failed items when none is waiting.
  async run() {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.work()));
    return this.items.filter((item) => item.state === "failed");
  }

  async work() {
    for (let item = this.next(); item; item = this.next()) await this.send(item);
  }

  next() {
    const item = this.items.find((each) => each.state === "waiting");
    if (item) item.state = "sending";
    return item;
  }

  async send(item) {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      this.tell(item, "sending", 0);
      try {
        await put(item, (loaded) => this.tell(item, "sending", loaded));
        return this.tell(item, "sent", item.file.size);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.status === TOO_LARGE) break;
        if (error.status === 0) toast.unreachable();
        this.tell(item, "retrying", 0);
        await pause(tries);
        if (error.status === EXPIRED) item.target = (await this.renew(item).catch(() => null)) ?? item.target;
      }
    }
    return this.tell(item, "failed", 0);
  }

  tell(item, state, loaded) {
    item.state = state;
    item.loaded = loaded;
    this.onChange(item);
  }
}
