import { KernscaleError } from '../../common/errors.js';
import type { WorkloadKey } from '../core/types.js';
import type { Grid } from '../promql/range.js';
import type { RuleGroup } from '../rules/types.js';
import { fetchChunk, MAX_POINTS, type Answer, type RangeQuery } from './fetch.js';
import { ENDPOINTS, peersOf } from './peers.js';
import { expressionsOf, Replay, type Chunk } from './replay.js';
import { UNKNOWN, type Timeline } from './timeline.js';

/** The replicas that a workload had: its pods, as the exporters see them. */
export const ACTUAL =
  'count by (namespace, workload, workload_kind) (count by (namespace, workload, workload_kind, pod) (kernscale_container_info))';

/** How many points of one answer are held in memory at once. */
const CHUNK_POINTS = 250_000;
/** The first chunk tells how many series there are. */
const FIRST_CHUNK = 240;
/** How often it is looked who answers where, seconds. */
const PEERS_STEP = 300;

export interface BacktestOptions {
  readonly groups: readonly RuleGroup[];
  readonly grid: Grid;
  readonly query: RangeQuery;
  /** PromQL of the replicas that each workload had. */
  readonly actual: string;
  readonly wanted: (workload: WorkloadKey) => boolean;
  /** Told how much is done, 0..1. */
  readonly onProgress: (done: number) => void;
}

/**
 * Replays rules over the past, while the next part of it is being asked for.
 *
 * @throws KernscaleError `PROMETHEUS_ANSWER`; `BACKTEST_EMPTY` when Prometheus knows none of the workloads
 */
export async function backtest(options: BacktestOptions): Promise<Timeline[]> {
  const { groups, grid, wanted, onProgress } = options;
  const replay = new Replay(groups, grid.count, wanted);
  const past = new Past(options);
  let next = past.fetch(0, Math.min(FIRST_CHUNK, grid.count));
  for (let done = 0; done < grid.count;) {
    const chunk = await next;
    done += chunk.grid.count;
    if (done < grid.count) {
      next = past.fetch(done, Math.min(chunkLength(chunk), grid.count - done));
      // It is awaited after the replay: until then a failure must not count as unhandled.
      next.catch(() => undefined);
    }
    replay.run(chunk);
    onProgress(done / grid.count);
  }
  const timelines = replay.timelines();
  if (timelines.some(({ proposed }) => proposed.some((replicas) => replicas !== UNKNOWN))) return timelines;
  throw new KernscaleError(
    'BACKTEST_EMPTY',
    'Prometheus knows no workload in that time that the rules scale; --from, --to and --actual say where it looks',
  );
}

class Past {
  readonly #expressions: Set<string>;

  constructor(private readonly options: BacktestOptions) {
    this.#expressions = expressionsOf(options.groups).add(options.actual);
  }

  async fetch(offset: number, count: number): Promise<Chunk> {
    const { grid, query, actual } = this.options;
    const part = { from: grid.from + offset * grid.step, step: grid.step, count };
    const [answers, peersAt] = await Promise.all([
      fetchChunk(query, this.#expressions, part),
      this.#peers(part),
    ]);
    return { grid: part, answers, actual: answers.get(actual)!, peersAt };
  }

  /** Who answered where, looked up more rarely than the rules decide. */
  async #peers({ from, step, count }: Grid): Promise<Chunk['peersAt']> {
    const stride = Math.max(1, Math.floor(PEERS_STEP / step));
    const grid = { from, step: step * stride, count: Math.ceil(count / stride) };
    const answer = (await fetchChunk(this.options.query, [ENDPOINTS], grid)).get(ENDPOINTS)!;
    const peersAt = peersOf('series' in answer ? answer.series : []);
    return (index) => peersAt(Math.floor(index / stride));
  }
}

function chunkLength({ answers }: Chunk): number {
  const widest = Math.max(1, ...[...answers.values()].map(seriesCount));
  return Math.min(MAX_POINTS, Math.max(FIRST_CHUNK, Math.floor(CHUNK_POINTS / widest)));
}

function seriesCount(answer: Answer): number {
  return 'series' in answer ? answer.series.length : 0;
}
