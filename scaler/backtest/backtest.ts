import { KernscaleError } from '../../common/errors.js';
import type { WorkloadKey } from '../core/types.js';
import { withMatchers } from '../promql/matchers.js';
import type { Grid } from '../promql/range.js';
import type { RuleGroup } from '../rules/types.js';
import { MAX_POINTS, type Evaluate, type Requested } from './evaluator/evaluator.js';
import { ENDPOINTS, peersOf, type PeersAt } from './recording.js';
import { Replay, requestedBy, type Chunk } from './replay.js';
import { UNKNOWN, type Timeline } from './timeline.js';

/** Most points of one result to hold in memory at once. */
const CHUNK_POINTS = 250_000;
/** Steps of the first chunk, which shows how many series there are. */
const FIRST_CHUNK = 240;
/** Seconds between two lookups of the endpoints. */
const PEERS_STEP = 300;

export interface PastOptions {
  readonly groups: readonly RuleGroup[];
  readonly grid: Grid;
  readonly evaluate: Evaluate;
  readonly actual: string;
  /** Label matchers for the endpoints, which the scaler exports. */
  readonly matchers?: string | undefined;
}

interface BacktestOptions extends PastOptions {
  readonly wanted: (workload: WorkloadKey) => boolean;
  /** Called with the share that is done, 0..1. */
  readonly onProgress: (done: number) => void;
}

/**
 * Replays rules over the past.
 *
 * @throws KernscaleError `PROMETHEUS_ANSWER`; `BACKTEST_EMPTY` if Prometheus has none of the workloads
 */
export async function backtest(options: BacktestOptions): Promise<Timeline[]> {
  const { groups, grid, wanted, onProgress } = options;
  const replay = new Replay(groups, grid.count, wanted);
  let done = 0;
  for await (const chunk of fetchPast(options)) {
    replay.run(chunk);
    done += chunk.grid.count;
    onProgress(done / grid.count);
  }
  const timelines = replay.timelines();
  if (timelines.some(({ proposed }) => proposed.some((replicas) => replicas !== UNKNOWN))) return timelines;
  throw new KernscaleError(
    'BACKTEST_EMPTY',
    'Prometheus has no data in this period for any workload that the rules scale; check --from, --to and --actual',
  );
}

/** Yields the past in chunks; the next one is fetched while the consumer uses the current one. */
export async function* fetchPast(options: PastOptions): AsyncGenerator<Chunk> {
  const { count } = options.grid;
  const past = new Past(options);
  let next = past.fetch(0, Math.min(FIRST_CHUNK, count));
  for (let done = 0; done < count;) {
    const chunk = await next;
    done += chunk.grid.count;
    if (done < count) {
      next = past.fetch(done, Math.min(chunkLength(chunk), count - done));
      // It is awaited only after the current chunk is used; a failure until then is not unhandled.
      next.catch(() => undefined);
    }
    yield chunk;
  }
}

class Past {
  readonly #requested: Requested;
  readonly #endpoints: string;

  constructor(private readonly options: PastOptions) {
    const { expressions, selectors } = requestedBy(options.groups);
    this.#requested = { expressions: new Set([...expressions, options.actual]), selectors };
    this.#endpoints = options.matchers === undefined ? ENDPOINTS : withMatchers(ENDPOINTS, options.matchers);
  }

  async fetch(offset: number, count: number): Promise<Chunk> {
    const { grid, evaluate, actual } = this.options;
    const part = { from: grid.from + offset * grid.step, step: grid.step, count };
    const [chunk, peersAt] = await Promise.all([evaluate(this.#requested, part), this.#peers(part)]);
    return { grid: part, ...chunk, actual: chunk.values.get(actual)!, peersAt };
  }

  /** Looks the endpoints up less often than the rules decide. */
  async #peers({ from, step, count }: Grid): Promise<PeersAt> {
    const stride = Math.max(1, Math.floor(PEERS_STEP / step));
    const grid = { from, step: step * stride, count: Math.ceil(count / stride) };
    const requested = { expressions: new Set([this.#endpoints]), selectors: new Set<string>() };
    const endpoints = (await this.options.evaluate(requested, grid)).values.get(this.#endpoints)!;
    const peersAt = peersOf('series' in endpoints ? endpoints.series : []);
    return (index) => peersAt(Math.floor(index / stride));
  }
}

function chunkLength({ widest }: Chunk): number {
  return Math.min(MAX_POINTS, Math.max(FIRST_CHUNK, Math.floor(CHUNK_POINTS / Math.max(1, widest))));
}
