import { pino } from 'pino';
import { Registry } from 'prom-client';
import { listen, type Listening } from '../../../common/http.js';
import type { ExplainedDecision } from '../../../scaler/core/decision.js';
import type { Rule } from '../../../scaler/core/types.js';
import { toRecord, type DecisionRecord, type DecisionRecords } from '../../../scaler/loop/record.js';
import { resolveGroup } from '../../../scaler/rules/defaults.js';
import type { RuleManager } from '../../../scaler/rules/rule-manager.js';
import { createApp } from '../../../scaler/web/app.js';
import { Board } from '../../../scaler/web/board.js';
import { keyOf } from './core/fixtures.js';

type Outcome = DecisionRecord['outcome'];

/** Record of a decision under a rule of the group `shop`. */
export function recordOf(
  rule: Rule,
  decision: ExplainedDecision,
  outcome: Outcome = 'unchanged',
): DecisionRecord {
  const group = resolveGroup({ name: 'shop', rules: [] }, 'rules.yaml', []);
  return toRecord({ key: keyOf(rule.scale), group, rule }, decision, { outcome });
}

/** Serves the scaler's page and API over these decisions. @param board the listener of `records` */
export function serveDecisions(
  records: DecisionRecords,
  ruleCount: number,
  problems: readonly string[] = [],
  board = new Board(),
  rules: Pick<RuleManager, 'groups' | 'errors'> = { groups: [], errors: [] },
): Promise<Listening> {
  const app = createApp({
    records,
    board,
    dryRun: false,
    ruleManager: { ...rules, ruleCount, reload: () => Promise.resolve(true) },
    assignments: () => new Map(),
    registry: new Registry(),
    clock: () => Date.now() / 1000,
    problems: () => problems,
    leads: () => true,
    unready: () => undefined,
    log: pino({ level: 'silent' }),
  });
  return listen(app, ['127.0.0.1:0']);
}
