// Questions to the server and its answers, over one websocket that is opened again when it breaks.
//
// A message is binary: length of the head (uint32), the head (JSON), the bytes of an array.

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LONGEST_PAUSE = 5000;

function pack(head, payload) {
  let text = JSON.stringify(head);
  text += " ".repeat((8 - ((encoder.encode(text).length + 4) % 8)) % 8);
  const words = encoder.encode(text);
  const message = new Uint8Array(4 + words.length + (payload ? payload.byteLength : 0));
  new DataView(message.buffer).setUint32(0, words.length, true);
  message.set(words, 4);
  if (payload) message.set(payload, 4 + words.length);
  return message;
}

function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(decoder.decode(new Uint8Array(buffer, 4, length)));
  return { head, buffer, begin: 4 + length };
}

export class Link extends EventTarget {
  constructor() {
    super();
    this.waiting = new Map();
    this.number = 0;
    this.pause = 250;
    this.state = "connecting";
    this.open();
  }

  open() {
    const place = new URL("socket", location.href);
    place.protocol = "ws:";
    this.socket = new WebSocket(place);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.pause = 250;
      this.become("connected");
    };
    this.socket.onmessage = (event) => this.take(event.data);
    this.socket.onclose = () => {
      for (const { reject } of this.waiting.values()) reject(new Error("the connection was lost"));
      this.waiting.clear();
      this.become("lost");
      setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
    };
  }

  become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  take(buffer) {
    const { head, begin } = unpack(buffer);
    if (head.event) {
      this.dispatchEvent(new CustomEvent(head.event, { detail: head }));
      return;
    }
    const asker = this.waiting.get(head.id);
    this.waiting.delete(head.id);
    if (!asker) return;
    if (head.error !== undefined) asker.reject(new Error(head.error));
    else asker.resolve({ head, buffer, begin });
  }

  /** Ask; gives a promise of { head, buffer, begin }, where the array begins in the buffer. */
  ask(what, words = {}, payload = undefined) {
    if (this.socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error("there is no connection"));
    const id = ++this.number;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.socket.send(pack({ ...words, ask: what, id }, payload));
    return answer;
  }
}

/** Let a question be asked once at a time; of those that come meanwhile the last is asked next. */
export function latest(work) {
  let busy = false;
  let next = null;
  return async function run(...words) {
    if (busy) {
      next = words;
      return;
    }
    busy = true;
    try {
      await work(...words);
    } finally {
      busy = false;
      if (next) {
        const then = next;
        next = null;
        run(...then);
      }
    }
  };
}

/** Call a function when it has not been called for so long [ms]. */
export function settled(work, wait) {
  let timer = 0;
  return (...words) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...words), wait);
  };
}
