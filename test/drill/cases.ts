import type { Case } from './drill.js';

const PROMETHEUS = /Prometheus at |not one of Prometheus' HTTP API/;
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
  // Ten seconds pass before the machine's resolver gives up.
  { dependency: 'name server', fault: 'unknown name', named: PROMETHEUS },
  { dependency: 'name server', fault: 'hangs', named: PROMETHEUS, lasts: 20 },
  { dependency: 'disk', fault: 'full', named: /history/ },
  ...(['an hour back', 'a minute back', 'an hour ahead'] as const).map((fault) => ({
    dependency: 'clock' as const,
    fault,
    named: /clock of this machine/,
  })),
  ...(['garbage', 'emptied', 'deleted'] as const).map((fault) => ({
    dependency: 'rule file' as const,
    fault,
    named: RULES,
  })),
  { dependency: 'scaler', fault: 'killed', named: undefined },
];

/** Those of two scalers, of which one leads. They last until the other may lead: 15 s after the last sign of life. */
export const LEADER_CASES: readonly Case[] = [
  { dependency: 'leader', fault: 'killed', named: undefined, lasts: 20 },
  { dependency: 'leader', fault: 'paused', named: undefined, lasts: 20 },
];

/** Those that CI has time for: each dependency once, in its meanest form. */
export const FEW = CASES.filter(({ dependency, fault }) =>
  ['Prometheus hangs', 'API server cut', 'exporter garbage'].includes(`${dependency} ${fault}`),
);
