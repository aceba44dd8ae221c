import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { packageRoot } from '../../common/main.js';
import type { ExplainedDecision } from '../../scaler/core/decision.js';
import { parseKey } from '../../scaler/core/types.js';
import { parseRules } from '../../scaler/rules/load.js';
import type { RuleGroup } from '../../scaler/rules/types.js';
import type { Controller } from '../../scaler/simulate/controller.js';
import type { Scenario } from '../../scaler/simulate/scenario.js';
import { kernscaleController } from '../../scaler/simulate/kernscale-controller.js';
import type { Range } from '../../sandbox/hpa/hpa.js';

const SHIPPED = join(packageRoot(), 'rules/scaling/default.yaml');

/** A decision on a service. */
export interface Decided {
  readonly service: string;
  readonly at: number;
  readonly decision: ExplainedDecision;
}

/** Kernscale with the shipped rule file, in the range that every controller has. */
export function kernscale(range: Range, observe: (decided: Decided) => void): Controller {
  return kernscaleController(shippedRules(range), (key, decision, at) => {
    observe({ service: nameOf(key), at, decision });
  });
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly object[] }[];
}

function shippedRules(range: Range): readonly RuleGroup[] {
  const { groups } = parse(readFileSync(SHIPPED, 'utf8')) as RuleFile;
  const ranged = groups.map(({ rules, ...group }) => ({
    ...group,
    rules: rules.map((rule) => ({ ...rule, ...range })),
  }));
  const loaded = parseRules(SHIPPED, stringify({ groups: ranged }));
  if (loaded.errors.length > 0) throw new Error(loaded.errors.map(({ message }) => message).join('; '));
  return loaded.groups;
}

/**
 * What a decision blames the harm on: a service, or something outside, by its name; undefined where nothing is harmed, empty
 * where nothing could be named.
 */
export function blamed({ service, decision: { trace } }: Decided, scenario: Scenario): string | undefined {
  const { harm, walk } = trace;
  if (!harm?.harmed || harm.cause === undefined) return undefined;
  if (!walk) return service;
  const peer = walk.bottleneck?.peer ?? '';
  return outsideName(peer, scenario) ?? nameOf(peer);
}

/** The simulator numbers addresses: those of the services first, then those outside. */
function outsideName(peer: string, { services, outside }: Scenario): string | undefined {
  const [, last] = /^203\.0\.113\.(\d+):/.exec(peer) ?? [];
  return last === undefined ? undefined : outside[Number(last) - services.length - 1]?.name;
}

/** The name in a workload's key. */
function nameOf(peer: string): string {
  return parseKey(peer)?.name ?? peer;
}
