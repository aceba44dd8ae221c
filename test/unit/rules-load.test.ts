import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatRuleError, loadRuleFiles, parseRules } from '../../scaler/rules/load.js';
import { bindRule, selectorText } from '../../scaler/rules/resolve.js';
import type { FleetRule } from '../../scaler/rules/types.js';
import { errorsOf, REF, ruleOf, ruleWith, SHORTEST } from './rules-fixtures.js';

describe('a rule file', () => {
  it('needs no knobs', () => {
    const rule = ruleOf(SHORTEST);
    expect(rule.minReplicas).to.equal(1);
    expect(rule.target).to.deep.equal({ signal: 'cpu', averageUtilization: 70 });
    expect(rule.decide.map(({ bound, action }) => `${bound}: ${action}`)).to.deep.equal([
      'disk: hold',
      'cpu: scale',
      'dependency: follow',
      'lock: hold',
    ]);
    expect(rule.behavior?.scaleDown).to.deep.equal({
      stabilizationWindowSeconds: 300,
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      tolerance: 0.1,
    });
    expect(rule.source).to.deep.equal({ file: 'r.yaml', line: 4, column: 9 });
  });

  it('means the same with every default written out', () => {
    const full = `groups:
  - name: shop
    interval: 10s
    window: 1m
    signals:
      cpu: {maxAge: 45s}
    rules:
      - scale: web
        scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, namespace: shop, name: web}
        minReplicas: 1
        maxReplicas: 20
        target: {signal: cpu, averageUtilization: 70}
        decide:
          - {bound: disk,       when: {blockio: {above: 0.4}}, for: 20s, action: hold}
          - {bound: cpu,        when: {target: {above: 1.0}},            action: scale}
          - {bound: dependency, when: {wait: {above: 0.5}},    for: 20s, action: follow, maxHops: 4}
          - {bound: lock,       when: {lock: {above: 0.5}},    for: 20s, action: hold}
        behavior:
          scaleUp:   {stabilizationWindowSeconds: 0, tolerance: 0.1}
          scaleDown: {stabilizationWindowSeconds: 300, tolerance: 100m}
        dryRun: false
`;
    const [written] = parseRules('r.yaml', full).groups;
    const [shortest] = parseRules('r.yaml', SHORTEST).groups;
    expect({ ...written, rules: [] }).to.deep.equal({ ...shortest, rules: [] });
    expect({ ...written!.rules[0], source: 0 }).to.deep.equal({ ...shortest!.rules[0], source: 0 });
  });

  it('tells an omitted behavior, which has defaults, from null, which is none', () => {
    expect(ruleOf(ruleWith('behavior: null')).behavior).to.equal(null);
    expect(ruleOf(ruleWith('behavior: {}')).behavior).to.deep.equal(ruleOf(SHORTEST).behavior);
  });

  it('may be for a whole fleet', () => {
    const text = SHORTEST.replace(
      REF,
      'match: {kind: Deployment, selector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: In, values: [d, e]}, {key: f, operator: Exists}]}}',
    );
    const [rule] = parseRules('r.yaml', text).groups[0]!.rules as FleetRule[];
    expect(rule!.match).to.include({ apiVersion: 'apps/v1', kind: 'Deployment' });
    expect(selectorText(rule!.match.selector)).to.equal('a=b,c in (d,e),f');
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' };
    expect(bindRule(rule!, ref).scaleTargetRef).to.deep.equal(ref);
  });

  it('may have signals of its own', () => {
    const text = SHORTEST.replace(
      '    rules:',
      '    signals: {queue: {expr: queue_length, maxAge: 2m}}\n    rules:',
    );
    const withTarget = `${text}        target: {signal: queue, averageValue: 30}\n`;
    const rule = ruleOf(withTarget);
    expect(rule.target).to.deep.equal({ signal: 'queue', averageValue: 30 });
    expect(rule.maxAge['queue']).to.equal(120);
    expect(rule.decide[1]!.bound).to.equal('queue');
  });
});

describe('YAML of every kind', () => {
  it('is read with a byte order mark, CRLF and comments', () => {
    expect(ruleOf(`\uFEFF# rules\r\n${SHORTEST.replaceAll('\n', '\r\n')}`).scale).to.equal('web');
  });

  it('may hold several documents, and empty ones', () => {
    const second = SHORTEST.replaceAll('shop', 'other');
    const { groups } = parseRules('r.yaml', `---\n${SHORTEST}---\n# nothing\n---\n${second}`);
    expect(groups.map(({ name }) => name)).to.deep.equal(['shop', 'other']);
    expect(parseRules('r.yaml', '# nothing\n')).to.deep.equal({ groups: [], errors: [], warnings: [] });
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

  it('is refused where it expands without end', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${
          i === 0
            ? 'x'
            : Array(9)
                .fill(`*a${i - 1}`)
                .join(', ')
        }]`,
    );
    const { errors } = parseRules('r.yaml', `${levels.join('\n')}\ngroups: []\n`);
    expect(errors.map(({ code }) => code)).to.deep.equal(['RULE_YAML']);
  });

  it('is refused with a tab for indentation, at its place', () => {
    expect(parseRules('r.yaml', 'groups:\n\t- name: shop\n').errors[0]).to.include({
      code: 'RULE_YAML',
      line: 2,
    });
  });

  it('is refused when it is too large to be a rule file', () => {
    const { errors } = parseRules('r.yaml', '#'.repeat(5 * 1024 * 1024));
    expect(errors.map(({ code }) => code)).to.deep.equal(['RULE_FILE_TOO_LARGE']);
  });
});

describe('loadRuleFiles', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-rules-'));
    await writeFile(join(folder, 'a.yaml'), SHORTEST);
    await writeFile(join(folder, 'b.yml'), SHORTEST.replaceAll('web', 'db'));
    await writeFile(join(folder, 'notes.txt'), 'not a rule file');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('takes files, folders and patterns', async () => {
    for (const paths of [
      [folder],
      [join(folder, '?.y*ml')],
      [join(folder, 'a.yaml'), join(folder, 'b.yml')],
    ]) {
      const { groups, errors } = await loadRuleFiles(paths);
      expect(errors).to.deep.equal([]);
      expect(groups).to.have.lengthOf(2);
    }
  });

  it('says which rule has a workload already', async () => {
    await writeFile(join(folder, 'c.yaml'), SHORTEST);
    const { errors } = await loadRuleFiles([folder]);
    expect(errors).to.have.lengthOf(1);
    expect(errors[0]).to.include({ code: 'RULE_DUPLICATE_TARGET', line: 4, file: join(folder, 'c.yaml') });
    expect(errors[0]!.message).to.contain(`${join(folder, 'a.yaml')}:4`);
  });

  it('says what cannot be read', async () => {
    const { errors } = await loadRuleFiles([join(folder, 'none.yaml'), join(folder, '*.json')]);
    expect(errors.map(({ code }) => code)).to.deep.equal(['RULE_FILE_UNREADABLE', 'RULE_FILE_UNREADABLE']);
  });

  it('finds nothing wrong with the rules that are shipped', async () => {
    const { errors, groups } = await loadRuleFiles(['rules/scaling']);
    expect(errors.map(formatRuleError)).to.deep.equal([]);
    expect(groups).to.not.be.empty;
  });
});
