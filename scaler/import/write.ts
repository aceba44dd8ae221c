import { Document, isScalar, visit } from 'yaml';
import { getOrCompute } from '../../common/once.js';
import type { Imported } from './translate.js';
import type { Note, RuleDraft } from './translation.js';
import { wrap } from '../wrap.js';

/** Characters up to which a mapping of single values stands on one line. */
const FLOW = 90;

const HEAD = `# Rules for what other autoscalers scale, in shadow: they decide and record, and change nothing.
# The signal cpu is the demand of a workload (what it would use if it were short of nothing), not its
# usage, and growth by it is ordered in one step unless behavior.scaleUp.policies are written.
# Next: kernscale check, then kernscale compare, then kernscale adopt. See docs/moving.md.
`;

/** A rule file of one group for each namespace. */
export function writeRules(imported: readonly Imported[]): string {
  const groups = new Map<string, Imported[]>();
  for (const one of imported) getOrCompute(groups, one.namespace, () => []).push(one);
  const text = [...groups].map(([namespace, all]) => {
    const names = new Set<string>();
    const rules = all.flatMap((one) => [...commentOf(one), ...ruleLines(one.rule, names)]);
    const hasRules = all.some(({ rule }) => rule);
    return [
      `  - name: ${scalar(namespace)}`,
      `    rules:${hasRules ? '' : ' []'}`,
      ...indented(rules, 6),
    ].join('\n');
  });
  return `${HEAD}groups:${text.length === 0 ? ' []' : ''}\n${text.map((group) => `${group}\n`).join('')}`;
}

function commentOf({ name, manifest, rule, notes }: Imported): string[] {
  const { at } = manifest;
  const place = at ? `${at.file}:${at.line}` : 'the cluster';
  return [...wrap(`${name}, from ${place}${rule ? '' : ': no rule'}`, '# '), ...notes.flatMap(noteLines)];
}

function noteLines({ text, sketch, lost }: Note): string[] {
  const lines = wrap(`${lost ? 'No equal: ' : ''}${text}`, '# - ', '#   ');
  return sketch === undefined ? lines : [...lines, `#   ${sketch}`];
}

/** @param names of the rules so far in the group, which differ; the function adds to it */
function ruleLines(rule: RuleDraft | undefined, names: Set<string>): string[] {
  if (!rule) return [];
  const { scale, targets, scaleTargetRef, minReplicas, maxReplicas, ...rest } = rule;
  let name = scale;
  for (let number = 2; names.has(name); number++) name = `${scale}-${number}`;
  names.add(name);
  const [target, second] = targets;
  const sized = second ? { targets } : target ? { target } : {};
  const ordered = {
    scale: name,
    mode: 'shadow',
    scaleTargetRef,
    minReplicas,
    maxReplicas,
    ...sized,
    ...rest,
  };
  const document = new Document([ordered]);
  visit(document, {
    Map: (_, map) => {
      const isSmall = map.items.every(({ value }) => isScalar(value) && !String(value.value).includes('\n'));
      if (isSmall && map.items.join().length <= FLOW) map.flow = true;
    },
  });
  return document.toString({ lineWidth: 0 }).trimEnd().split('\n');
}

function indented(lines: readonly string[], columns: number): string[] {
  return lines.map((line) => (line === '' ? '' : ' '.repeat(columns) + line));
}

/** A text as a value of YAML. */
function scalar(text: string): string {
  return new Document(text).toString().trimEnd();
}
