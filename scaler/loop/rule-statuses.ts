import pLimit from 'p-limit';
import { errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { SCALING_RULE } from '../rules/custom-resource.js';
import { ruleNameOf, type ScalingRule } from '../rules/scaling-rules.js';
import type { DecisionRecord } from './record.js';
import { differs, recordsByRule, statusOf, type RuleStatus } from './rule-status.js';

const MAX_CONCURRENT_WRITES = 4;

interface Options {
  readonly write: (rule: ScalingRule, status: RuleStatus) => Promise<void>;
  readonly log: Pick<Logger, 'warn'>;
}

interface Written {
  readonly status: RuleStatus;
  /** Order of writing. */
  readonly turn: number;
}

/**
 * Writes the status of each ScalingRule that has changed. Messages differ with every round: the one that was written
 * first is written anew once a round, so that the number of requests at rest does not grow with the rules.
 */
export class RuleStatuses {
  readonly #written = new Map<string, Written>();
  readonly #limit = pLimit(MAX_CONCURRENT_WRITES);
  #turn = 0;
  #running: Promise<void> | undefined;

  constructor(private readonly options: Options) {}

  /** Never throws; what is not written is tried again at the next call. A call beside a running one does nothing. */
  update(
    rules: readonly ScalingRule[],
    errors: ReadonlyMap<string, readonly string[]>,
    records: readonly DecisionRecord[],
    now: number,
  ): Promise<void> {
    this.#running ??= this.#update(rules, errors, records, now).finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #update(
    rules: readonly ScalingRule[],
    errors: ReadonlyMap<string, readonly string[]>,
    records: readonly DecisionRecord[],
    now: number,
  ): Promise<void> {
    const byRule = recordsByRule(records, rules, SCALING_RULE.plural);
    const states = rules.map((rule) => {
      const name = ruleNameOf(rule);
      const previous = this.#written.get(name)?.status ?? (rule.status as RuleStatus | undefined);
      const status = statusOf(rule, errors.get(name), byRule.get(name) ?? [], previous, now);
      return { rule, name, status, isNews: differs(previous, status) };
    });
    for (const name of this.#written.keys()) if (!byRule.has(name)) this.#written.delete(name);
    const turnOf = ({ name }: { readonly name: string }) => this.#written.get(name)?.turn ?? 0;
    const [oldest] = states.filter(({ isNews }) => !isNews).sort((a, b) => turnOf(a) - turnOf(b));
    const due = [...states.filter(({ isNews }) => isNews), ...(oldest ? [oldest] : [])];
    await Promise.all(
      due.map(({ rule, name, status }) => this.#limit(() => this.#write(rule, name, status))),
    );
  }

  async #write(rule: ScalingRule, name: string, status: RuleStatus): Promise<void> {
    try {
      await this.options.write(rule, status);
      this.#written.set(name, { status, turn: ++this.#turn });
    } catch (error) {
      this.options.log.warn(
        { rule: name, error: errorMessage(error) },
        'the status of a ScalingRule is not written',
      );
    }
  }
}
