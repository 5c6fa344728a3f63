// Solves the challenge of a join in the background: the smallest nonce for which SHA-256 of "<seed>.<nonce>" begins with
// so many zero bits (FIPS 180-4; the text fits one block, and only the first word of the digest is looked at).
'use strict';
const primes = [];
for (let n = 2; primes.length < 64; n += 1) if (primes.every((p) => n % p)) primes.push(n);
const fraction = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
const K = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
const H = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
const W = new Int32Array(64);

const firstWord = (text) => {
  W.fill(0, 0, 16);
  for (let i = 0; i < text.length; i += 1) W[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
  W[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
  W[15] = text.length * 8;
  for (let i = 16; i < 64; i += 1) {
    const x = W[i - 15];
    const y = W[i - 2];
    W[i] = W[i - 16] + W[i - 7]
      + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3)
      + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
  }
  let [a, b, c, d, e, f, g, h] = H;
  for (let i = 0; i < 64; i += 1) {
    const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const t1 = h + s1 + (e & f ^ ~e & g) + K[i] + W[i] | 0;
    const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const t2 = s0 + (a & b ^ a & c ^ b & c) | 0;
    h = g; g = f; f = e; e = d + t1 | 0;
    d = c; c = b; b = a; a = t1 + t2 | 0;
  }
  return a + H[0] | 0;
};

onmessage = ({ data: { seed, bits } }) => {
  let nonce = 0;
  while (Math.clz32(firstWord(seed + '.' + nonce)) < bits) nonce += 1;
  postMessage(nonce);
};
