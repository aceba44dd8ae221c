import { EXPONENTS } from './layout.js';

const powersOfTwo = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));

/** Upper bounds (`le`) of all time histograms: 2^-20 s (954 ns) to 2^6 s (64 s). One more bucket is above them. */
export const TIME_BOUNDS_SECONDS = powersOfTwo(EXPONENTS.time_min_exp, EXPONENTS.time_max_exp);

/** Upper bounds (`le`) of block request sizes: 512 bytes to 64 MiB. One more bucket is above them. */
export const SIZE_BOUNDS_BYTES = powersOfTwo(EXPONENTS.size_min_exp, EXPONENTS.size_max_exp);
