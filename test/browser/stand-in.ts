import type { Calls, Measures, StateRates } from '../../scaler/core/measures.js';
import type { Candidate } from '../../scaler/core/decision.js';
import type { Rule } from '../../scaler/core/types.js';
import { DecisionRecords, type DecisionRecord } from '../../scaler/loop/record.js';
import { formatRuleError, parseRules } from '../../scaler/rules/load.js';
import type { RuleGroup } from '../../scaler/rules/types.js';
import { Board } from '../../scaler/web/board.js';
import { keyOf, ruleFor } from '../unit/scaler/core/fixtures.js';
import {
  AS_USUAL,
  byHarm,
  decisionOf,
  demandOf,
  harmOf,
  healthy,
  ON_DISK,
  ON_ORDERS,
  part,
  walkTo,
  type Made,
} from '../unit/scaler/core/traces.js';
import { recordOf } from '../unit/scaler/decisions.js';

/** What a page is shown of a cluster that does not exist: records, and what was measured of each workload. */
export class StandIn {
  readonly board = new Board();
  readonly records = new DecisionRecords(this.board);

  /** Puts a decision on a workload of the group `shop`. @param at seconds since the epoch */
  put(name: string, at: number, made: Made, seen: Seen = {}, rule: Rule = ruleFor(name)): DecisionRecord {
    const decision = decisionOf({ rule, workload: keyOf(name), at, ...made });
    const record = recordOf(rule, decision, seen.outcome ?? 'unchanged');
    this.records.put(record, measuresOf(at, seen));
    return record;
  }

  /** Ends a round of every group. */
  endRound(): void {
    this.records.retain(() => true);
  }
}

interface Seen {
  readonly states?: StateRates;
  readonly calls?: Readonly<Record<string, number>>;
  readonly outcome?: DecisionRecord['outcome'];
}

/** @param seen calls: requests that wait at once, by the workload that they wait for */
function measuresOf(
  at: number,
  { states = { oncpu: 0.7, disk: 0.1, other: 0.1 }, calls = {} }: Seen,
): Measures {
  return {
    window: 60,
    timestamp: at,
    pods: 2,
    states,
    calls: Object.entries(calls).map(([name, waiting]): Calls => ({
      peer: `${name}:80`,
      to: { type: 'workload', workload: keyOf(name) },
      ...{ sent: 40, answered: 40, waited: waiting, outstanding: waiting, abandoned: 0, failed: 0 },
    })),
  };
}

const BY_ORDERS: Omit<Candidate, 'path' | 'share'> = {
  peer: keyOf('orders'),
  class: 'disk',
  why: 'is harmed by its disk',
};

const NAMES = ['web', 'checkout', 'orders', 'catalog', 'payment'];

/** The rules of `shop`, as from a file. */
export function shopRules(): readonly RuleGroup[] {
  const rules = NAMES.map(
    (name) => `      - scale: ${name}
        scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, namespace: shop, name: ${name} }
        maxReplicas: 20
        dryRun: ${name === 'payment'}`,
  );
  const text = `groups:\n  - name: shop\n    rules:\n${rules.join('\n')}\n`;
  const { groups, errors } = parseRules('rules/scaling/shop.yaml', text);
  if (errors.length > 0) throw new Error(errors.map(formatRuleError).join('\n'));
  return groups;
}

/** An hour of a small shop, one round a minute: `orders` is slowed by its disk, and `checkout` waits for it. */
export function shop(now: number): StandIn {
  const standIn = new StandIn();
  for (let minute = 60; minute >= 0; minute--) {
    const at = now - 60 * minute;
    const load = 20 + 12 * Math.sin((60 - minute) / 9);
    const webReplicas = Math.max(1, Math.ceil((load * 0.0102) / 0.07));
    const isSlow = minute < 8;
    const wait = isSlow ? 6 : 0.3;
    standIn.put(
      'web',
      at,
      {
        demand: demandOf(load),
        harm: healthy(AS_USUAL),
        currentReplicas: webReplicas,
        ...byHarm('none', 'hold'),
      },
      {
        states: { oncpu: 0.24, runqueue: 0.03, throttled: 0.02, network: 0.2 },
        calls: { checkout: 0.4, catalog: 0.2 },
      },
    );
    standIn.put(
      'checkout',
      at,
      isSlow
        ? {
            demand: demandOf(9),
            harm: harmOf(keyOf('orders'), ON_ORDERS, { since: now - 400 }),
            ...byHarm('dependency', 'follow'),
            walk: { ...walkTo(BY_ORDERS).walk!, path: [keyOf('checkout'), keyOf('orders')] },
            bindingConstraint: 'dependency',
          }
        : { demand: demandOf(9), harm: healthy(ON_ORDERS.map((it) => ({ ...it, now: it.usual ?? 0 }))) },
      {
        states: { oncpu: 0.09, network: isSlow ? 1.8 : 0.1, lock: 0.01 },
        calls: { orders: wait, payment: 0.1 },
      },
    );
    standIn.put(
      'orders',
      at,
      isSlow
        ? {
            demand: demandOf(9),
            harm: harmOf('disk', ON_DISK, { since: now - 420 }),
            ...byHarm('disk', 'hold'),
            bindingConstraint: 'hold',
          }
        : { demand: demandOf(9), harm: healthy(AS_USUAL) },
      { states: { oncpu: 0.1, disk: isSlow ? 1.6 : 0.05, ipc: 0.01 }, calls: {} },
    );
    standIn.put(
      'catalog',
      at,
      { demand: demandOf(14), currentReplicas: 3, replicas: minute < 3 ? 3 : 3 },
      {},
    );
    standIn.put(
      'payment',
      at,
      {
        demand: demandOf(30),
        currentReplicas: 2,
        replicas: minute === 0 ? 5 : 2,
        harm: healthy([part('cpu', 10, 10)]),
      },
      {
        states: { oncpu: 0.3, runqueue: 0.4, throttled: 0.2 },
        outcome: minute === 0 ? 'dry_run' : 'unchanged',
      },
      { ...ruleFor('payment'), dryRun: true },
    );
    standIn.endRound();
  }
  return standIn;
}

/** Many workloads of several namespaces, of one round. */
export function fleet(count: number, now: number): StandIn {
  const standIn = new StandIn();
  for (let index = 0; index < count; index++) {
    const name = `service-${String(index).padStart(5, '0')}`;
    const rule = ruleFor(name);
    const namespace = `team-${index % 20}`;
    const scaleTargetRef = { ...rule.scaleTargetRef, namespace };
    const load = 3 + (index % 30);
    const made: Made = {
      demand: demandOf(load),
      currentReplicas: 1 + (index % 5),
      ...(index % 50 === 0
        ? { harm: harmOf('disk', ON_DISK), ...byHarm('disk', 'hold'), bindingConstraint: 'hold' as const }
        : { harm: healthy(AS_USUAL) }),
    };
    standIn.put(name, now, made, {}, { ...rule, scaleTargetRef });
  }
  standIn.endRound();
  return standIn;
}
