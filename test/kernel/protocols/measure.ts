import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../eventually.js';
import type { Group, Sandbox, Workload } from '../harness.js';
import type { Program, Row, Truth } from './row.js';
import { scrape, type PodScrape } from './scrape.js';

const PROGRAMS = join(import.meta.dirname, 'programs');
/** The client stays idle for so long after its last request. */
const IDLE_MS = 500;
const EXPORTED_MS = 10_000;
/** One message in so many is delayed, in a run with delays. */
const DELAY_EVERY = 150;

/** What the exporter says of a pod: before the run, after it, after an idle time, and when the client has closed. */
export interface Side {
  readonly before: PodScrape;
  readonly after: PodScrape;
  readonly idle: PodScrape;
  readonly closed: PodScrape;
}

export interface Measured {
  readonly truth: Truth;
  readonly client: Side;
  readonly server: Side;
  readonly worker: Side | undefined;
}

/** Of a row, as it is and with delays. */
export type Results = ReadonlyMap<boolean, Measured | Error>;

/** Runs rows beside one exporter, whose `system.slice` the groups are in. */
export class Rows {
  #groups = 0;

  constructor(
    private readonly sandbox: Sandbox,
    private readonly exporterUrl: string,
  ) {
    sandbox.group(undefined, 'system.slice');
    chmodSync(sandbox.scratch, 0o755);
    makeKeys(this.#keys);
  }

  /** Measures a row as it is and with delays, one after the other on the same servers; an error is a result too. */
  async run(row: Row): Promise<Results> {
    const results = new Map<boolean, Measured | Error>();
    const variants = row.clean === true ? [false] : [false, true];
    try {
      const upstream = row.upstream && (await this.#start(row.upstream, []));
      const server = await this.#start(row.server, upstream ? [`upstream=${upstream.workload.detail}`] : []);
      const port = `port=${server.workload.detail}`;
      const worker = row.worker && (await this.#start(row.worker, [port]));
      for (const delayed of variants) {
        const client = await this.#start(row.client, [port], delayed);
        const result = this.#measure(client, server, worker).catch((error: unknown) => error as Error);
        results.set(delayed, await result);
        await this.#end(client);
      }
      for (const each of [worker, server, upstream]) if (each !== undefined) await this.#end(each);
    } catch (error) {
      for (const delayed of variants) if (!results.has(delayed)) results.set(delayed, error as Error);
    }
    return results;
  }

  async #measure(client: Started, server: Started, worker?: Started): Promise<Measured> {
    const all = [client, server, ...(worker === undefined ? [] : [worker])];
    const pods = all.map(({ pod }) => pod);
    const read = () => scrape(this.exporterUrl, pods);
    let before = await read();
    const exported = () => before.every(({ states }) => states.size > 0);
    await eventually(
      'the pods are exported',
      async () => exported() || ((before = await read()), exported()),
      EXPORTED_MS,
    );
    client.workload.send('go');
    const truth = JSON.parse(await client.workload.line()) as Truth;
    const after = await read();
    await sleep(IDLE_MS);
    const idle = await read();
    client.workload.send('end');
    await sleep(IDLE_MS);
    const closed = await read();
    const [clientSide, serverSide, workerSide] = all.map((_, at) => ({
      before: before[at]!,
      after: after[at]!,
      idle: idle[at]!,
      closed: closed[at]!,
    }));
    return { truth, client: clientSide!, server: serverSide!, worker: workerSide };
  }

  async #start([name, ...args]: Program, more: readonly string[], delayed = false): Promise<Started> {
    const pod = `r${this.#groups++}.service`;
    const group = this.sandbox.group(undefined, `system.slice/${pod}`);
    const all = [...args.map(String), ...more, ...this.#folders(name)];
    const environment = [`DELAY_EVERY=${delayed ? DELAY_EVERY : 0}`, 'NODE_NO_WARNINGS=1'];
    const workload = await group.run('/usr/bin/env', [...environment, ...commandOf(name), ...all]);
    return { group, pod, workload };
  }

  #folders(name: string): readonly string[] {
    return name.endsWith('.py') ? [] : [`at=${this.sandbox.scratch}`];
  }

  get #keys(): string {
    return join(this.sandbox.scratch, 'keys');
  }

  #end({ group }: Started): Promise<void> {
    return this.sandbox.remove(group);
  }
}

interface Started {
  readonly group: Group;
  readonly pod: string;
  readonly workload: Workload;
}

function commandOf(name: string): readonly string[] {
  if (name.endsWith('.py')) return ['/usr/bin/python3', join(PROGRAMS, name)];
  if (name.endsWith('.go')) return [join(PROGRAMS, '../../build', name.replace('.', '-'))];
  return [process.execPath, join(PROGRAMS, name)];
}

function makeKeys(directory: string): void {
  mkdirSync(directory);
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=truth'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' });
}
