const powersOfTwo = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));

/** Upper bounds, inclusive, of every time histogram: 2^-20 s (954 ns) to 2^6 s (64 s); one bucket more is above. */
export const TIME_BOUNDS_SECONDS = powersOfTwo(-20, 6);

/** Upper bounds, inclusive, of request sizes: 512 bytes to 64 MiB; one bucket more is above. */
export const SIZE_BOUNDS_BYTES = powersOfTwo(9, 26);
