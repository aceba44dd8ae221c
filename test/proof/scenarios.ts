import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseTrace } from '../../scaler/simulate/profile.js';
import { scenarioOf } from '../../scaler/simulate/scenario-schema.js';
import type { Scenario } from '../../scaler/simulate/scenario.js';

const FOLDER = join(import.meta.dirname, 'scenarios');
/** Peak of a load that the user names, in requests per second: what ten of the pods carry. */
const TRACE_PEAK = 117;

/** The text of a scenario's file. */
export function scenarioText(name: string): string {
  return readFileSync(join(FOLDER, `${name}.yaml`), 'utf8');
}

/** Names of the scenarios that are files. */
export function scenarioNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length));
}

export function readScenario(name: string, seed: number): Scenario {
  return { ...scenarioOf(parse(scenarioText(name)), () => ''), seed };
}

/** A service under the load of a file: one number of requests per second a line, scaled to a peak of ten pods. */
export function traceScenario(file: string, seed: number): Scenario {
  const profile = parseTrace(readFileSync(file, 'utf8'));
  const peak = Math.max(...profile.map(({ value }) => value));
  return scenarioOf(
    {
      name: `load:${file.replace(/^.*\//, '')}`,
      seed,
      truth: { about: `The load of ${file}, scaled to a peak of ${TRACE_PEAK} requests a second.` },
      length: `${profile.length}s`,
      services: [
        {
          name: 'shop',
          replicas: 8,
          request: '250m',
          limit: '2x',
          threads: 16,
          work: { cpu: { mean: '15ms' } },
        },
      ],
      clients: [
        {
          to: 'shop',
          load: { file, scale: TRACE_PEAK / peak },
          timeout: '10s',
          objective: { latency: '1s', quantile: 0.95 },
        },
      ],
    },
    (name) => readFileSync(name, 'utf8'),
  );
}
