import type { Spread } from './scenario.js';

/** A seeded stream of random numbers: sfc32 of Chris Doty-Humphrey (PractRand). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spare = NaN;

  /** @param stream streams of other names are independent */
  constructor(seed: number, stream: string) {
    this.#a = hash(stream);
    this.#b = seed | 0;
    this.#c = Math.floor(seed / 2 ** 32) | 0;
    for (let round = 0; round < 16; round++) this.uniform();
  }

  /** In [0, 1). */
  uniform(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** An amount of at least 0. */
  draw({ mean, shape, parameter }: Spread): number {
    switch (shape) {
      case 'constant':
        return mean;
      case 'exponential':
        return this.exponential(mean);
      case 'lognormal':
        return mean * Math.exp(parameter * this.#normal() - (parameter * parameter) / 2);
      case 'pareto':
        return ((mean * (parameter - 1)) / parameter) * (1 - this.uniform()) ** (-1 / parameter);
    }
  }

  /** Box and Muller. */
  #normal(): number {
    const spare = this.#spare;
    if (!Number.isNaN(spare)) {
      this.#spare = NaN;
      return spare;
    }
    const radius = Math.sqrt(this.exponential(2));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value | 0;
}
