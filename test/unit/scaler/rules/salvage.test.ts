import { expect } from 'chai';
import fc from 'fast-check';
import { parseRules } from '../../../../scaler/rules/load.js';

const GOOD = `groups:
  - name: shop
    interval: 10s
    signals:
      queue: {expr: 'sum by (namespace, workload, workload_kind) (queue_length)'}
    rules:
      - &first
        scale: cart
        scaleTargetRef: {kind: Deployment, namespace: shop, name: cart}
        maxReplicas: 5
        target: {signal: queue, averageValue: 20}
        decide:
          - bound: disk
            when: {blockio: {above: 0.4}}
            action: hold
      - scale: mail   # a comment
        scaleTargetRef:
          kind: Deployment
          namespace: shop
          name: mail
        maxReplicas: 9
        objective: {latency: 50ms}
        annotations:
          runbook: "see: the \\"book\\""
          more: |
            - scale: not a rule
            text
      - {scale: web, scaleTargetRef: {kind: Deployment, namespace: shop, name: web}, maxReplicas: 3}
  - name: fleet
    rules:
      - scale: all
        match: {kind: Deployment, selector: {matchLabels: {tier: backend}}}
        maxReplicas: 4
---
groups:
  - name: other
    rules:
    - scale: late
      scaleTargetRef: {kind: Deployment, namespace: shop, name: late}
      maxReplicas: 4
`;

/** What makes YAML of another shape, or none, wherever it is put; an empty text takes a character away. */
const JUNK = [
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ': ',
  ':',
  ' ',
  '\t',
  '- ',
  '&',
  '*',
  '|',
  '%',
  '@',
  '\n',
  '#',
  '>',
  '? ',
  ',',
  '',
];

function errorsOf(text: string): string[] {
  return parseRules('r.yaml', text).errors.map(({ code, line, column }) => `${code} ${line}:${column}`);
}

/** The text with one line in place of another. */
function edited(text: string, ...edits: readonly [from: string, to: string][]): string {
  return edits.reduce((before, [from, to]) => {
    expect(before).to.include(from);
    return before.replace(from, to);
  }, text);
}

const MISSPELT: [string, string] = ['maxReplicas: 9', 'maxReplica: 9'];
const UNFIT: [string, string] = ['maxReplicas: 4\n---', 'maxReplicas: four\n---'];
/** What MISSPELT and UNFIT lead to. */
const MISSPELT_FOUND = ['RULE_MISSING_FIELD 16:9', 'RULE_UNKNOWN_FIELD 21:9'];
const UNFIT_FOUND = 'RULE_WRONG_TYPE 33:22';

describe('a rule file whose YAML is broken', () => {
  const BROKEN: [what: string, edit: [string, string], at: string][] = [
    ['a brace that is not closed', ['name: cart}', 'name: cart'], '10:9'],
    ['a brace too many', ['name: cart}', 'name: cart}}'], '9:72'],
    ['a colon too many', ['scale: cart', 'scale: cart: 2'], '8:16'],
    [
      'a comma that is missing',
      ['Deployment, namespace: shop, name: cart', 'Deployment namespace: shop, name: cart'],
      '9:32',
    ],
    ['a line that is indented too little', ['        maxReplicas: 5', '       maxReplicas: 5'], '10:1'],
    ['a tab', ['        maxReplicas: 5', '\tmaxReplicas: 5'], '10:1'],
    ['a quote that ends where another begins', ['scale: cart', 'scale: "cart'], '8:21'],
  ];
  for (const [what, edit, at] of BROKEN) {
    it(`is checked all the same, but for the rule with ${what}`, () => {
      expect(errorsOf(edited(GOOD, edit))).to.deep.equal([`RULE_YAML ${at}`]);
      const [broken, ...others] = errorsOf(edited(GOOD, edit, MISSPELT, UNFIT));
      expect(broken).to.equal(`RULE_YAML ${at}`);
      expect(others).to.deep.equal([...MISSPELT_FOUND, UNFIT_FOUND]);
    });
  }

  it('is not said to lack what stands in the broken part', () => {
    const inGroup = edited(GOOD, ['interval: 10s', 'interval: "10s'], UNFIT);
    expect(errorsOf(inGroup)).to.deep.equal(['RULE_YAML 3:19', UNFIT_FOUND]);
    const cutShort = edited(GOOD, ['        maxReplicas: 9', '      -   maxReplicas: 9']);
    expect(errorsOf(cutShort)).to.deep.equal(['RULE_YAML 22:1']);
    const anchored = edited(
      GOOD,
      ['scale: cart', 'scale: cart: 2'],
      ['averageValue: 20', 'averageValue: &twenty 20'],
    );
    expect(errorsOf(edited(anchored, ['maxReplicas: 9', 'maxReplicas: *twenty']))).to.deep.equal([
      'RULE_YAML 8:16',
    ]);
  });

  it('has the defects of several rules at once, and keys that others give twice', () => {
    const twice = edited(
      GOOD,
      ['scale: cart', 'scale: cart: 2'],
      ['name: late}', 'name: late'],
      ['maxReplicas: 9', 'maxReplicas: 9\n        maxReplicas: 8'],
    );
    expect(errorsOf(twice)).to.deep.equal(['RULE_YAML 8:16', 'RULE_DUPLICATE_KEY 22:9', 'RULE_YAML 41:7']);
  });

  it('takes no longer for many defects, and few words where nothing can be made of it', () => {
    const broken = errorsOf(`groups:\n${'  - {name: a: b}\n'.repeat(5000)}`);
    expect(broken).to.have.lengthOf(5000);
    expect(errorsOf('groups: []\n}\nscale: a\nb: {c: d}\n')).to.deep.equal(['RULE_YAML 2:1']);
  });

  it('has no other errors than those of its YAML, wherever it is broken', () => {
    const place = fc.integer({ min: 0, max: GOOD.length });
    fc.assert(
      fc.property(place, fc.constantFrom(...JUNK), (at, junk) => {
        const codes = new Set(
          parseRules('r.yaml', GOOD.slice(0, at) + junk + GOOD.slice(junk === '' ? at + 1 : at)).errors.map(
            ({ code }) => code,
          ),
        );
        if (codes.has('RULE_YAML')) expect([...codes]).to.deep.equal(['RULE_YAML']);
      }),
      { numRuns: 500 },
    );
  });
});
