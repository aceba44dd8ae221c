import type { Case } from './drill.js';

const PROMETHEUS = /Prometheus at 127\.0\.0\.1|not one of Prometheus' HTTP API/;
const API = /Kubernetes API|127\.0\.0\.1|watch|cannot (list|read|scale)/i;
const EXPORTER = /scrapes have stopped|no data|no series|missing|stale/i;
const RULES = /rule|drill\.rules\.yaml/i;

/** Every dependency × what may happen to it, with what must be said of it. */
export const CASES: readonly Case[] = [
  ...(['down', 'hangs', 'slow', 'garbage', 'cut', 'flaps', 'down at start'] as const).map((fault) => ({
    dependency: 'Prometheus' as const,
    fault,
    // An answer after 3 s is an answer.
    named: fault === 'slow' ? undefined : PROMETHEUS,
  })),
  ...(['down', 'hangs', 'slow', 'garbage', 'cut', 'flaps', 'down at start'] as const).map((fault) => ({
    dependency: 'API server' as const,
    fault,
    named: fault === 'slow' ? undefined : API,
    // What hangs could be slow, so it takes longer to be named.
    ...(fault === 'hangs' && { lasts: 45 }),
  })),
  ...(['down', 'hangs', 'slow', 'garbage', 'cut', 'flaps'] as const).map((fault) => ({
    dependency: 'exporter' as const,
    fault,
    named: EXPORTER,
  })),
  ...(['garbage', 'emptied', 'deleted'] as const).map((fault) => ({
    dependency: 'rule file' as const,
    fault,
    named: RULES,
  })),
  { dependency: 'scaler', fault: 'killed', named: undefined },
];

/** Those that CI has time for: each dependency once, in its meanest form. */
export const FEW = CASES.filter(({ dependency, fault }) =>
  ['Prometheus hangs', 'API server cut', 'exporter garbage'].includes(`${dependency} ${fault}`),
);
