import type { Path } from '../../common/yaml/document.js';
import type { RawGroup, RawRule } from './schema.js';
import { fillTarget } from './defaults.js';
import type { NoteCode, RuleFinding } from './types.js';

interface Change {
  readonly code: NoteCode;
  readonly message: string;
  /** Path of the field in a rule that uses it. */
  readonly usedAt: (rule: RawRule) => Path | undefined;
}

/** Fields that mean something else than in the first release. */
const CHANGES: readonly Change[] = [
  {
    code: 'NOTE_CPU_TARGET',
    message:
      'a target on cpu sizes by demand (requests that arrive × CPU time of each), no longer by the time that threads wait for a CPU',
    // The first release knew no `targets`.
    usedAt: ({ target }) => (target && fillTarget(target).signal === 'cpu' ? ['target'] : undefined),
  },
  {
    code: 'NOTE_OBJECTIVE',
    message: 'a missed objective is harm, whose cause is looked for; a met one no longer withholds replicas',
    usedAt: ({ objective }) => (objective ? ['objective'] : undefined),
  },
  {
    code: 'NOTE_WHEN',
    message:
      'a step with when matches on its conditions alone, harmed or not, as before; one without when matches on the cause of harm',
    usedAt: ({ decide = [] }) => {
      const step = decide.findIndex(({ when }) => when !== undefined);
      return step < 0 ? undefined : ['decide', step, 'when'];
    },
  },
];

/** Says once a file where a field no longer means what it did in the first release. */
export function changedMeanings({ groups }: { readonly groups: readonly RawGroup[] }): RuleFinding[] {
  const rules = groups.flatMap((group, index) =>
    group.rules.map((rule, number) => ({ rule, path: ['groups', index, 'rules', number] })),
  );
  return CHANGES.flatMap(({ code, message, usedAt }) => {
    for (const { rule, path } of rules) {
      const field = usedAt(rule);
      if (field) return [{ code, message, path: [...path, ...field], atKey: true }];
    }
    return [];
  });
}
