import { recommend } from '../../scaler/core/history.js';
import { EMPTY_HISTORY, type History } from '../../scaler/core/round.js';
import { BEHAVIOR, size, SYNC, sync, TARGET, type Range, type Scene, type Sized } from './hpa.js';

/** Fewer would do, but not throughout the stabilization window. */
const HELD = 'held';

/** One answer of the shadow. */
export interface Wish {
  /** Seconds into the run. */
  readonly second: number;
  /** `spec.replicas`, as Kernscale left them. */
  readonly replicas: number;
  /** What HPA would set them to. */
  readonly wanted: number;
  /** Pods that HPA counts, and their CPU in percent of their requests. */
  readonly pods: number;
  readonly cpu: number;
  /** pods × cpu ÷ 80, rounded up. */
  readonly raw: number;
  /** Why `wanted` is not `raw`, a clause. */
  readonly why?: string;
}

/** A HorizontalPodAutoscaler that is asked and never obeyed. */
export interface Shadow {
  /** What it recommended, for its stabilization. */
  readonly history: History;
  /** The first of its highest wishes; of equal ones, the first whose sum calls for most. */
  readonly most: Wish;
  readonly last: Wish;
}

/**
 * Asks an HPA on CPU with default behavior what it would do next with the pods as Kernscale left them, as if it had ordered
 * them. How it would have got there by itself, a shadow cannot know.
 *
 * @param second into the run
 * @returns `before` where HPA finds no metrics: it would leave the replicas alone
 */
export function ask(
  before: Shadow | undefined,
  range: Range,
  scene: Scene,
  second: number,
): Shadow | undefined {
  const sizing = size(scene, { averageUtilization: TARGET }, true);
  if (!sizing) return before;
  const { replicas, now } = scene;
  const { replicas: wanted, state } = sync(range, scene, sizing.replicas, historyOf(before, replicas, now));
  const why = whyNot(sizing, wanted, range);
  const cpu = Math.round(sizing.ratio * TARGET);
  const counts = { pods: sizing.counted, cpu, raw: sizing.raw };
  const last = { second, replicas, wanted, ...counts, ...(why !== undefined && { why }) };
  return { history: state, most: before && !exceeds(last, before.most) ? before.most : last, last };
}

/** Without scale events: nothing was ordered, so nothing limits the next order. */
function historyOf(before: Shadow | undefined, replicas: number, now: number): History {
  const history = { ...EMPTY_HISTORY, recommendations: before?.history.recommendations ?? [] };
  const isMoved = before !== undefined && before.last.replicas !== replicas;
  return isMoved ? recommend(history, BEHAVIOR, { replicas, at: now }) : history;
}

function exceeds(wish: Wish, most: Wish): boolean {
  return wish.wanted > most.wanted || (wish.wanted === most.wanted && wish.raw > most.raw);
}

function whyNot({ kept, replicas, raw }: Sized, wanted: number, range: Range): string | undefined {
  if (wanted === raw) return undefined;
  if (kept) return kept === 'tolerance' ? 'within 10 %' : 'pods not ready';
  if (wanted > replicas) return wanted === range.minReplicas ? 'minimum' : HELD;
  return wanted === range.maxReplicas ? 'maximum' : 'rate limit';
}

/** What the lines of {@link describe} mean. They fit 80 columns, as its lines do. */
export const HEADING = [
  `An HPA on CPU with default behavior, asked every ${SYNC} s about these pods, wants`,
  `ready pods × CPU % / ${TARGET}, rounded up; held: it removes none for 300 s.`,
];

/** The last wish with its sum, and the highest: `HPA would have: cpu   4 → 4 (4 × 64/80 = 3.2), most 4 (90 s)`. */
export function describe(workload: string, shadow: Shadow | undefined): string {
  const begin = `HPA would have: ${workload.padEnd(5)}`;
  if (!shadow) return `${begin} nothing: no CPU metrics of its pods`;
  const { most, last } = shadow;
  const { replicas, wanted, pods, cpu, why } = last;
  const sum = `${pods} × ${cpu}/${TARGET} = ${Number(((pods * cpu) / TARGET).toFixed(2))}`;
  const wish = `${replicas} → ${wanted} (${sum}${why === undefined ? '' : `: ${why}`})`;
  return `${begin} ${wish}, most ${most.wanted} (${most.second} s${most.why === HELD ? `, ${HELD}` : ''})`;
}
