// The mask: which pixels of the raw frame are trusted, drawn with a brush.

/** Unfold bits into bytes, the first bit of a byte first. */
export function unfoldBits(buffer, begin, count) {
  const bits = new Uint8Array(buffer, begin);
  const bytes = new Uint8Array(count);
  for (let k = 0; k < count; k++) bytes[k] = (bits[k >> 3] >> (7 - (k & 7))) & 1;
  return bytes;
}

function foldBits(bytes) {
  const bits = new Uint8Array(Math.ceil(bytes.length / 8));
  for (let k = 0; k < bytes.length; k++) bits[k >> 3] |= bytes[k] << (7 - (k & 7));
  return bits;
}

export class Mask {
  constructor(height, width, trusted) {
    this.height = height;
    this.width = width;
    this.trusted = trusted;
    this.step = 1;
    this.reduced = null;
  }

  /** 1 for blocks of step x step pixels in which any is not trusted. */
  blocks(step) {
    if (this.reduced && this.step === step) return this.reduced;
    this.step = step;
    this.rows = Math.ceil(this.height / step);
    this.columns = Math.ceil(this.width / step);
    this.reduced = new Uint8Array(this.rows * this.columns);
    this.reduce(0, 0, this.height, this.width);
    return this.reduced;
  }

  reduce(top, left, height, width) {
    if (!this.reduced) return;
    const { step } = this;
    const [first, last] = [Math.floor(top / step), Math.floor((top + height - 1) / step)];
    const [from, to] = [Math.floor(left / step), Math.floor((left + width - 1) / step)];
    for (let row = first; row <= last; row++) {
      for (let column = from; column <= to; column++) {
        let any = 0;
        const bottom = Math.min((row + 1) * step, this.height);
        const right = Math.min((column + 1) * step, this.width);
        for (let y = row * step; y < bottom && !any; y++) {
          for (let x = column * step; x < right; x++) {
            if (!this.trusted[y * this.width + x]) {
              any = 1;
              break;
            }
          }
        }
        this.reduced[row * this.columns + column] = any;
      }
    }
  }

  /** Copy a part: { part, bytes }, to take it back later. */
  copy([top, left, height, width]) {
    const bytes = new Uint8Array(height * width);
    for (let y = 0; y < height; y++) {
      const from = (top + y) * this.width + left;
      bytes.set(this.trusted.subarray(from, from + width), y * width);
    }
    return { part: [top, left, height, width], bytes };
  }

  put({ part: [top, left, height, width], bytes }) {
    for (let y = 0; y < height; y++) {
      this.trusted.set(bytes.subarray(y * width, (y + 1) * width), (top + y) * this.width + left);
    }
    this.reduce(top, left, height, width);
  }

  /** Paint a stroke from one point to another; gives the part that it touches, or null. */
  stroke(from, to, across, value) {
    const radius = across / 2;
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
    const bottom = Math.min(this.height, Math.ceil(Math.max(from.y, to.y) + radius));
    const right = Math.min(this.width, Math.ceil(Math.max(from.x, to.x) + radius));
    if (bottom <= top || right <= left) return null;
    const [dy, dx] = [to.y - from.y, to.x - from.x];
    const long = dy * dy + dx * dx;
    const limit = Math.max(radius * radius, 0.5);
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const [py, px] = [y + 0.5 - from.y, x + 0.5 - from.x];
        const along = long ? Math.min(Math.max((py * dy + px * dx) / long, 0), 1) : 0;
        const far = (py - along * dy) ** 2 + (px - along * dx) ** 2;
        if (far < limit) this.trusted[y * this.width + x] = value;
      }
    }
    this.reduce(top, left, bottom - top, right - left);
    return [top, left, bottom - top, right - left];
  }

  /** The bits of a part, as the server wants them. */
  bits(part) {
    return foldBits(this.copy(part).bytes);
  }
}

/** The least part that holds two. */
export function around(one, other) {
  if (!one) return other;
  const top = Math.min(one[0], other[0]);
  const left = Math.min(one[1], other[1]);
  const bottom = Math.max(one[0] + one[2], other[0] + other[2]);
  const right = Math.max(one[1] + one[3], other[1] + other[3]);
  return [top, left, bottom - top, right - left];
}

export class BrushTool {
  /** mask() gives the mask; options() { width, value }; done(before, part) is called after a stroke. */
  constructor(picture, { mask, options, done }) {
    Object.assign(this, { picture, mask, options, done });
    this.last = null;
  }

  cursor() {
    return "none";
  }

  down(p) {
    const mask = this.mask();
    if (!mask) return false;
    this.before = mask.trusted.slice();
    this.part = null;
    this.last = p;
    this.move(p);
    return true;
  }

  move(p) {
    const { width, value } = this.options();
    const touched = this.mask().stroke(this.last, p, width, value);
    if (touched) this.part = around(this.part, touched);
    this.last = p;
    this.picture.request();
  }

  up() {
    if (this.part) {
      const mask = this.mask();
      const before = new Mask(mask.height, mask.width, this.before).copy(this.part);
      this.done(before, this.part);
    }
    this.before = this.last = null;
  }
}

/** Draw where the brush is. */
export function drawBrush(context, picture, p, width) {
  const radius = Math.max((width / 2) * picture.scale, 2);
  for (const [line, colour] of [
    [3, "rgba(8, 12, 16, 0.6)"],
    [1.2, "#ffffff"],
  ]) {
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.beginPath();
    context.arc(p.across, p.down, radius, 0, 7);
    context.stroke();
  }
}
