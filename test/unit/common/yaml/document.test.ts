import { expect } from 'chai';
import { parseDocuments } from '../../../../common/yaml/document.js';
import { parseRules } from '../../../../scaler/rules/load.js';
import { errorsOf, REF, ruleOf, ruleWith, SHORTEST } from '../../scaler/rules/fixtures.js';

describe('the YAML of a rule file', () => {
  it('may have a byte order mark, CRLF and comments', () => {
    expect(ruleOf(`\uFEFF# rules\r\n${SHORTEST.replaceAll('\n', '\r\n')}`).scale).to.equal('web');
  });

  it('may hold several documents, and empty ones', () => {
    const second = SHORTEST.replaceAll('shop', 'other');
    const { groups } = parseRules('r.yaml', `---\n${SHORTEST}---\n# nothing\n---\n${second}`);
    expect(groups.map(({ name }) => name)).to.deep.equal(['shop', 'other']);
    expect(parseRules('r.yaml', '# nothing\n')).to.deep.include({
      groups: [],
      errors: [],
      warnings: [],
      notes: [],
    });
  });

  it('may use anchors and merge keys, with errors at the anchor', () => {
    const text = `groups:
  - name: shop
    rules:
      - &base {scale: a, scaleTargetRef: {kind: Deployment, namespace: shop, name: a}, maxReplicas: 0}
      - {<<: *base, scale: b, scaleTargetRef: {kind: Deployment, namespace: shop, name: b}, maxReplicas: 3}
`;
    expect(errorsOf(text)).to.deep.equal(['RULE_OUT_OF_RANGE 4:101 maxReplicas must be at least 1, not 0']);
  });

  it('may use one anchor thousands of times', () => {
    const rules = Array.from(
      { length: 2000 },
      (_, i) =>
        `      - {<<: *base, scale: r${i}, scaleTargetRef: {kind: Deployment, namespace: shop, name: r${i}}}\n`,
    );
    const base = `      - &base {scale: a, ${REF}, maxReplicas: 5, labels: {a: b}}\n`;
    const { groups, errors } = parseRules(
      'r.yaml',
      `groups:\n  - name: shop\n    rules:\n${base}${rules.join('')}`,
    );
    expect(errors).to.deep.equal([]);
    expect(groups[0]!.rules.at(-1)).to.deep.include({ scale: 'r1999', maxReplicas: 5, labels: { a: 'b' } });
  });

  it('may use the anchor of a scalar more than ten thousand times', () => {
    const uses = Array.from({ length: 12_000 }, (_, i) => `  k${i}: *ns`).join('\n');
    const [document] = parseDocuments('r.yaml', `a: &ns shop\nlabels:\n${uses}\n`);
    expect(document!.errors).to.deep.equal([]);
    expect(document!.value).to.have.nested.property('labels.k11999', 'shop');
  });

  it('reports one error if it is nested too deeply', () => {
    const [document] = parseDocuments('r.yaml', `${'['.repeat(20_000)}${']'.repeat(20_000)}`);
    expect(document!.errors.map(({ message }) => message)).to.deep.equal([
      'the document is nested too deeply',
    ]);
  });

  const nine = (item: string): string => Array(9).fill(item).join(', ');
  const levels = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${nine(i ? `*a${i - 1}` : 'x')}]\n`);
  const merges = Array.from(
    { length: 40 },
    (_, i) => `a${i}: &a${i} {${i ? `<<: [*a${i - 1}, *a${i - 1}], ` : ''}k${i}: 1}\n`,
  );
  const TOO_MUCH = 'aliases expand to too much data; use fewer of them';
  const rejected: [title: string, text: string, ...errors: string[]][] = [
    ['expands without end', levels.join(''), `12:60 ${TOO_MUCH}`],
    ['merges without end', merges.join(''), `40:23 ${TOO_MUCH}`],
    ['contains itself', 'groups: &g [{name: a, rules: *g}]\n', '1:30 anchor "g" contains itself'],
    ['merges itself', 'groups: &g {<<: *g}\n', '1:17 anchor "g" contains itself'],
    [
      'uses unknown anchors',
      'groups: *base\na: {<<: *b}\n',
      '1:9 unknown anchor "base"; define &base before this line',
      '2:9 unknown anchor "b"; define &b before this line',
    ],
    ['merges no mapping', ruleWith('<<: [1]'), '7:13 << must merge a mapping or a list of mappings'],
    [
      'merges an anchor that is no mapping',
      'groups: &g 1\na: {<<: *g, <<: [*g]}\n',
      '2:9 << must merge a mapping or a list of mappings',
      '2:17 << must merge a mapping or a list of mappings',
    ],
    [
      'has a key that would replace what every mapping inherits',
      'groups: []\nlabels:\n  __proto__: {a: b}\n',
      '3:3 "__proto__" cannot be a key; use another name',
    ],
    [
      'has tags of a programming language',
      'groups: !!python/object/apply:os.system [ls]\na: !Ref b\nc: !!str 1\n',
      '1:9 unknown tag !!python/object/apply:os.system; remove it',
      '2:4 unknown tag !Ref; remove it',
    ],
    ['has a tab for indentation', 'groups:\n\t- name: shop\n', '2:1 Tabs are not allowed as indentation'],
    [
      'does not end',
      'groups: [a',
      '1:11 Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    [
      'is broken in several places',
      SHORTEST.replace('scale: web', 'scale: web: a').replace('maxReplicas: 20', 'maxReplicas: 20: 2'),
      '4:16 Nested mappings are not allowed in compact mappings',
      '6:22 Nested mappings are not allowed in compact mappings',
    ],
    [
      'has a stray token',
      'groups: []\n}\nscale: a\nb: {c: d}\n',
      '2:1 Unexpected flow-map-end token in YAML stream: "}"',
    ],
  ];
  for (const [title, text, ...errors] of rejected) {
    it(`is rejected, at its position, if it ${title}`, () => {
      expect(errorsOf(text)).to.deep.equal(errors.map((error) => `RULE_YAML ${error}`));
    });
  }

  it('yields all errors of a mapping with thousands of wrong keys', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}: 1\n`).join('');
    expect(errorsOf(`groups: []\n${keys}`)).to.have.lengthOf(20_000);
  });
});
