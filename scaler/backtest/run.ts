import { KernscaleError } from '../../common/errors.js';
import type { WorkloadKey } from '../core/types.js';
import type { Grid } from '../promql/range.js';
import type { RuleGroup } from '../rules/types.js';
import { MAX_POINTS, type AskPast, type Questions } from './fetch.js';
import { ENDPOINTS, peersOf } from './peers.js';
import { questionsOf, Replay, type Chunk } from './replay.js';
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

const WHO_ANSWERS: Questions = { expressions: new Set([ENDPOINTS]), selectors: new Set() };

export interface PastOptions {
  readonly groups: readonly RuleGroup[];
  readonly grid: Grid;
  readonly ask: AskPast;
  /** PromQL of the replicas that each workload had. */
  readonly actual: string;
}

export interface BacktestOptions extends PastOptions {
  readonly wanted: (workload: WorkloadKey) => boolean;
  /** Told how much is done, 0..1. */
  readonly onProgress: (done: number) => void;
}

/**
 * Replays rules over the past.
 *
 * @throws KernscaleError `PROMETHEUS_ANSWER`; `BACKTEST_EMPTY` when Prometheus knows none of the workloads
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
    'Prometheus knows no workload in that time that the rules scale; --from, --to and --actual say where it looks',
  );
}

/** The past in parts; the next one is being asked for while one is made use of. */
export async function* fetchPast(options: PastOptions): AsyncGenerator<Chunk> {
  const { count } = options.grid;
  const past = new Past(options);
  let next = past.fetch(0, Math.min(FIRST_CHUNK, count));
  for (let done = 0; done < count;) {
    const chunk = await next;
    done += chunk.grid.count;
    if (done < count) {
      next = past.fetch(done, Math.min(chunkLength(chunk), count - done));
      // It is awaited after the chunk is made use of: until then a failure must not count as unhandled.
      next.catch(() => undefined);
    }
    yield chunk;
  }
}

class Past {
  readonly #questions: Questions;

  constructor(private readonly options: PastOptions) {
    const { expressions, selectors } = questionsOf(options.groups);
    this.#questions = { expressions: new Set([...expressions, options.actual]), selectors };
  }

  async fetch(offset: number, count: number): Promise<Chunk> {
    const { grid, ask, actual } = this.options;
    const part = { from: grid.from + offset * grid.step, step: grid.step, count };
    const [answers, peersAt] = await Promise.all([ask(this.#questions, part), this.#peers(part)]);
    return { grid: part, ...answers, actual: answers.values.get(actual)!, peersAt };
  }

  /** Who answered where, looked up more rarely than the rules decide. */
  async #peers({ from, step, count }: Grid): Promise<Chunk['peersAt']> {
    const stride = Math.max(1, Math.floor(PEERS_STEP / step));
    const grid = { from, step: step * stride, count: Math.ceil(count / stride) };
    const answer = (await this.options.ask(WHO_ANSWERS, grid)).values.get(ENDPOINTS)!;
    const peersAt = peersOf('series' in answer ? answer.series : []);
    return (index) => peersAt(Math.floor(index / stride));
  }
}

function chunkLength({ widest }: Chunk): number {
  return Math.min(MAX_POINTS, Math.max(FIRST_CHUNK, Math.floor(CHUNK_POINTS / Math.max(1, widest))));
}
