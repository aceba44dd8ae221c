import fc from 'fast-check';

/** Seed of every random test: fixed, so that a run does not depend on luck. KERNSCALE_SEED sets another one. */
export const SEED = Number(process.env['KERNSCALE_SEED'] ?? 1);

fc.configureGlobal({ seed: SEED });
