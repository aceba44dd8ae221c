/**
 * What simulating a fleet costs: `npm run bench:simulate [-- --json]`.
 *
 * Services of two pods with a quota, a request per second each, scraped every 15 s, with nothing that scales them: what a
 * controller costs is in `npm run bench:core`. Time is CPU time, so that a busy machine does not spoil the figure.
 */
import { flag } from '../../common/flags.js';
import { runMain } from '../../common/main.js';
import { run } from '../../scaler/simulate/run.js';
import { scenarioOf } from '../../scaler/simulate/scenario-schema.js';
import { benchFlags, positive } from './flags.js';

interface Flags {
  readonly services: number;
  readonly hours: number;
}

function fleet({ services, hours }: Flags) {
  const names = Array.from({ length: services }, (_, index) => `s${index}`);
  return scenarioOf(
    {
      name: 'fleet',
      length: `${hours}h`,
      bucket: '1m',
      services: names.map((name) => ({
        name,
        replicas: 2,
        request: '100m',
        limit: '500m',
        work: { cpu: { mean: '20ms', shape: 'exponential' } },
      })),
      clients: names.map((to) => ({ name: to, to, load: '1' })),
    },
    () => '',
  );
}

function main(argv: readonly string[]): Promise<number> {
  const options = benchFlags<Flags>(
    'simulate',
    'Measures what simulating a fleet costs, in CPU time.',
    argv,
    [
      flag('--services <number>', 'Number of services', 1000, positive),
      flag('--hours <number>', 'Hours to simulate', 24, positive),
    ],
  );
  if (!options) return Promise.resolve(0);
  const { services, hours, json } = options;
  const scenario = fleet(options);
  const before = process.cpuUsage();
  const { events } = run(scenario, { name: 'hold', interval: 10, decide: () => new Map() });
  const { user, system } = process.cpuUsage(before);
  const seconds = Number(((user + system) / 1e6).toFixed(1));
  if (json) console.log(JSON.stringify({ name: 'simulate', rows: [{ services, hours, events, seconds }] }));
  else {
    const million = Math.round(events / 1e6);
    console.log(`${services} services for ${hours} h, ${million} million events: ${seconds} s of CPU`);
  }
  return Promise.resolve(0);
}

await runMain('bench:simulate', main);
