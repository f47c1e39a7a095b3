// Maps from numbers to colours. magma, viridis and twilight are those of matplotlib (CC0); "hue" goes
// once around the circle of hues at equal lightness, so that a turn of phase has no bright spots.

const TABLES = {
  magma: "AAAEAQAFAQEGAQEIAgEJAgILAgINAwMPAwMSBAQUBQQWBgUYBgUaBwYcCAceCQcgCggiCwkkDAkmDQopDgsrEAstEQwvEg0xEw00FA42FQ44Fg87GA89GRA/GhBCHBBEHRFHHhFJIBFLIRFOIhFQJBJTJRJVJxJYKRFaKhFcLBFfLRFhLxFjMRFlMxBnNBBpNhBrOBBsOQ9uOw9wPQ9xPw9yQA90Qg91RA92RRB3RxB4SRB4ShB5TBF6ThF7TxJ7URJ8UhN8VBN9VhR9VxV+WRV+WhZ+XBZ/XRd/Xxh/YBiAYhmAZBqAZRqAZxuAaByBahyBax2BbR2Bbh6BcB+Bch+BcyCBdSGBdiGBeCKBeSKCeyOCfCOCfiSCgCWCgSWBgyaBhCaBhieBiCeBiSiBiymBjCmBjiqBkCqBkSuBkyuAlCyAliyAmC2AmS2Amy5/nC5/ni9/oC9/oTB+ozB+pTF+pjF9qDJ9qjN9qzN8rTR8rjR7sDV7sjV7szZ6tTZ6tzd5uDd5ujh4vDl4vTl3vzp3wDp2wjt1xDx1xTx0xz1zyD5zyj5yzD9xzUBxz0Bw0EFv0kJv00Nu1URt1kVs2EVs2UZr20dq3Ehp3klo30po4Exn4k1m405l5E9k5VBk51Jj6FNi6VRi6lZh61dg7Fhg7Vpf7lte711e8F9e8WBd8mJd8mRc82Vc9Gdc9Glc9Wtc9mxc9m5c93Bc93Jc+HRc+HZc+Xhd+Xld+Xtd+n1e+n9e+oFf+4Nf+4Vg+4dh/Ilh/Ipi/Ixj/I5k/JBl/ZJm/ZRn/ZZo/Zhp/Zpq/Ztr/p1s/p9t/qFu/qNv/qVx/qdy/qlz/qp0/qx2/q53/rB4/rJ6/rR7/rZ8/rd+/rl//ruB/r2C/r+E/sGF/sKH/sSI/saK/siM/sqN/syP/s2Q/s+S/tGU/tOV/tWX/teZ/tia/dqc/dye/d6g/eCh/eKj/eOl/eWn/eep/emq/eus/Oyu/O6w/PCy/PK0/PS2/Pa4/Pe5/Pm7/Pu9/P2/",
  viridis: "RAFURAJWRQRXRQVZRgdaRghcRgpdRgteRw1gRw5hRxBjRxFkRxNlSBRnSBZoSBdpSBhqSBpsSBttSBxuSB1vSB9wSCBxSCFzSCN0SCR1SCV2SCZ3SCh4SCl5Ryp6Ryx6Ry17Ry58Ry99RjB+RjJ+RjN/RjSARTWBRTeBRTiCRDmDRDqDRDuEQz2EQz6FQj+FQkCGQkGGQUKHQUSHQEWIQEaIP0eIP0iJPkmJPkqJPkyKPU2KPU6KPE+KPFCLO1GLO1KLOlOLOlSMOVWMOVaMOFiMOFmMN1qMN1uNNlyNNl2NNV6NNV+NNGCNNGGNM2KNM2ONMmSOMmWOMWaOMWeOMWiOMGmOMGqOL2uOL2yOLm2OLm6OLm+OLXCOLXGOLHGOLHKOLHOOK3SOK3WOKnaOKneOKniOKXmOKXqOKXuOKHyOKH2OJ36OJ3+OJ4COJoGOJoKOJoKOJYOOJYSOJYWOJIaOJIeOI4iOI4mOI4qNIouNIoyNIo2NIY6NIY+NIZCNIZGMIJKMIJKMIJOMH5SMH5WLH5aLH5eLH5iLH5mKH5qKHpuKHpyJHp2JH56JH5+IH6CIH6GIH6GHH6KHIKOGIKSGIaWFIaaFIqeFIqiEI6mDJKqDJauCJayCJq2BJ62BKK6AKa9/KrB/LLF+LbJ9LrN8L7R8MbV7MrZ6NLZ5Nbd5N7h4OLl3Orp2O7t1Pbx0P7xzQL1yQr5xRL9wRsBvSMFuSsFtTMJsTsNrUMRqUsVpVMVoVsZnWMdlWshkXMhjXsliYMpgY8tfZcteZ8xcac1bbM1abs5YcM9Xc9BWddBUd9FTetFRfNJQf9NOgdNNhNRLhtVJidVIi9ZGjtZFkNdDk9dBldhAmNg+m9k8ndk7oNo5oto3pds2qNs0qtwyrdwwsN0vst0ttd4ruN4put4ovd8mwN8lwt8jxeAhyOAgyuEfzeEd0OEc0uIb1eIa2OIZ2uMZ3eMY3+MY4uQY5eQZ5+QZ6uUa7OUb7+Uc8eUd9OYe9uYg+OYh++cj/ecl",
  twilight: "4tni4dni4Nni3tnh3dng3Nnf2tjf2Nje1tfd1Nbc0tXb0NTZzdPYy9LXyNDWxc/Vws7Uv8zTvMvRucnQtsjPs8bOsMXNrcPNqsLMp8DLpL7Kob3JnrvJnLnImbjIlrbHk7TGkrPGjrHFjK/Fia3FiKzEhanEgqfDgKXDf6XDfKLCeqDCeJ7Cd53CdZrBc5jBcZbBcZXAbpLAbZDAbI6/a42/aYq/aIi+Z4a+Z4W+ZoK9ZX+9ZH28ZHy8Y3m7Yne7YnW6YXK6YXG5YG64YGy4YGm3YGe2X2W1X2K0X2C0X1+zX1uyX1mxX1ewXlSuXlKtXk+sXk2rXkyqXkioXkamXkOlXUGjXT6hXTygXTqeXDidXDWaWzKYWzCVWi6TWiuQWSmOWCeLWCaKVyOFViGCVR9/Ux58Uhx5URp1TxlyTxlwTBdrSxZoSRVkRxRhRhReRBNaQhJXQRJWPxJRPRFOPBFLOhFJORFGNxFENhFCNhFBNBE+MxE8MhI6MRM5MBQ3MBQ3MRM3MxI3NBI4NBI4NhE5OBE5OhE6OxE7PRE8PxI9QRI9QxI+RhJASBNBShNCTRRDTxREUhVFVBVGVhVGWRZIXBdJXxdKYRhLZBlLZxlMaRpNbBtObxxOcR1PdB5Pdh9PeSBQeyFQfiJQfyNQgyVQhSZQhydQiilQjCpQjixQkC5Qki9QlDFQljNQmDVQmjdQnDlQnjtQoD1QoD5Qo0FQpUNQpkVQqEdQqUlQq0tQrE1RrlBRr1JRsVRSslZSs1lTtVtTtl1Ut19VuGFVuWRWumZXu2lYvGtZvW5avnBbv3JdwHVewXdfwnphwnxjw39kxIFmxYRoxYZqxodrxotux45xyJBzyJJ1yZV4yZd7ypp9ypyAy5+DzKGGzKOJzaaMzaiPzquSz62Wz66X0LKc0bSg0baj0rin07qq1L2t1b+x1sG018O42MW72Me+2cnC2svF28zI3M7L3M/N3dHR3tPT39TW39XY4Nba4Nfb4djd4djf4tng4tnh4tni",
  hue: "9pGD9pGB9pJ/9pJ99ZN79ZN59ZN39ZR19JRz9JVx85Vv85Zt8pZr8pdq8Zho8Jhm8Jlk75li7pph7ptf7Ztd7Jxc651a6p1Z6Z5X6J9W56BU5qBT5aFS5KJR46NQ4qNO4KRN36VN3qZM3aZL26dK2qhK2KlJ16lJ1apI1KtI0qxI0a1Iz61Izq5IzK9JyrBJybFJx7FKxbJKw7NLwbRMv7RNvrVOvLZPurdQuLdRtrhStLlUsrlVr7pWrbtYq7tZqbxbp71dpb1eor5goL9inr9jm8BlmcBnl8FplMFrksJtkMJvjcNxi8NziMR1hsR3g8V5gMV7fsZ9e8Z/eceBdseDc8eFcciIbsiKa8iMaciOZsmQY8mSYMmVXsmXW8qZWMqbVcqdUsqfUMqiTcqkSsqmR8uoRMuqQsusP8uuPMuxOcuzN8u1NMu3Mcu5L8q7LMq9Ksq/KMrBJsrDJMrFIsrHIcnJIMnLH8nNH8nPH8jRH8jSH8jUIMfWIsfYI8fZJcbbJ8bdKcbeK8XgLcXiMMTjMsTlNcPmN8PoOsPpPcLqP8HsQsHtRcDuR8DwSr/xTb/yUL7zUr70Vb31WLz2Wrz3Xbv4YLv5Yrr6Zbn6Z7n7arj8bbf8b7f9crb+dLX+d7X/ebT/fLP/frP/gLL/g7H/hbD/iLD/iq//jK7/jq7/ka3/k6z/laz/l6v/mqr/nKn/nqn/oKj/oqf/pKf+pqb+qKX9qqX9rKT8rqP7sKP7sqL6tKH5tqH4uKD3up/3vJ/2vZ71v570wZ3yw5zxxJzwxpvvyJvuyZrsy5rrzJnqzpjo0Jjn0Zfm05fk1Jbj1Zbh15Xg2JXe2ZXc25Tb3JTZ3ZPX35PW4JLU4ZLS4pLQ45HO5JHN5ZHL5pDJ55DH6JDF6ZDD6o/B64+/7I+97Y+77o+57o+374618I6z8I6x8Y6v8o6t8o6r846p846n9I6l9I6j9I6g9Y6e9Y6c9Y6a9o+Y9o+W9o+U9o+S9o+Q9pCN9pCL9pCJ9pCH9pGF",
};

function unfold(text) {
  const raw = atob(text);
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
}

const known = new Map();

/** Give a map as 256 colours, r, g, b one after the other. */
export function colours(name) {
  if (!known.has(name)) {
    if (name === "grey") {
      known.set(name, Uint8Array.from({ length: 768 }, (_, k) => Math.floor(k / 3)));
    } else {
      known.set(name, unfold(TABLES[name]));
    }
  }
  return known.get(name);
}

/** Give the names of all maps. */
export const NAMES = ["grey", ...Object.keys(TABLES)];

/** Put a colour into the 32 bits of a canvas (little endian). */
export function pixel(r, g, b, a = 255) {
  return ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
