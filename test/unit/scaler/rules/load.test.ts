import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { formatRuleError, loadRuleFiles, parseRules } from '../../../../scaler/rules/load.js';
import { bindRule, selectorText } from '../../../../scaler/rules/resolve.js';
import type { FleetRule } from '../../../../scaler/rules/types.js';
import { errorsOf, EVERY_DEFAULT, FEWEST_KNOBS, REF, ruleOf, ruleWith, SHORTEST } from './fixtures.js';

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
    const [written] = parseRules('r.yaml', EVERY_DEFAULT).groups;
    const [shortest] = parseRules('r.yaml', FEWEST_KNOBS).groups;
    expect({ ...written, rules: [] }).to.deep.equal({ ...shortest, rules: [] });
    const same = { source: 0, labels: {}, annotations: {} };
    expect({ ...written!.rules[0], ...same }).to.deep.equal({ ...shortest!.rules[0], ...same });
    expect(written!.rules[0]).to.deep.include({ labels: { team: 'shop' }, annotations: { runbook: '…' } });
  });

  it('may say everything that HPA says about behavior, and how long a step lasts', () => {
    const rule = ruleOf(
      ruleWith(
        'behavior: {scaleUp: {selectPolicy: Min, policies: [{type: Pods, value: 2, periodSeconds: 1800}], tolerance: 50m}, scaleDown: {selectPolicy: Disabled}}',
        'decide: [{bound: slow, when: {wait: {above: 0.2, below: 0.9}, cpu: {below: 3}}, for: 1h30m, keepFor: 250ms, action: follow, maxHops: 16}]',
        'objective: {latency: 50ms}',
        'target: {averageValue: 100m}',
      ),
    );
    expect(rule.behavior?.scaleUp).to.deep.equal({
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Min',
      policies: [{ type: 'Pods', value: 2, periodSeconds: 1800 }],
      tolerance: 0.05,
    });
    expect(rule.behavior?.scaleDown.selectPolicy).to.equal('Disabled');
    expect(rule.decide).to.deep.equal([
      {
        bound: 'slow',
        when: { wait: { above: 0.2, below: 0.9 }, cpu: { below: 3 } },
        for: 5400,
        keepFor: 0.25,
        action: 'follow',
        maxHops: 16,
      },
    ]);
    expect(rule.objective).to.deep.equal({ latency: 0.05, quantile: 0.99, signal: 'latency_p99' });
    expect(rule.target).to.deep.equal({ signal: 'cpu', averageValue: 0.1 });
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

  const nine = (item: string): string => Array(9).fill(item).join(', ');
  const levels = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${nine(i ? `*a${i - 1}` : 'x')}]\n`);
  const merges = Array.from(
    { length: 40 },
    (_, i) => `a${i}: &a${i} {${i ? `<<: [*a${i - 1}, *a${i - 1}], ` : ''}k${i}: 1}\n`,
  );
  const refused: [what: string, text: string, error: string][] = [
    ['expands without end', levels.join(''), '7:10 with *a5 the file expands to more than 1000000 values'],
    ['merges without end', merges.join(''), '17:23 with *a15 the file expands to more than 1000000 values'],
    ['contains itself', 'groups: &g [{name: a, rules: *g}]\n', '1:30 *g contains itself'],
    ['names no anchor', 'groups: *base\n', '1:9 no anchor before it is named &base'],
    ['merges no mapping', ruleWith('<<: [1]'), '7:13 << takes a mapping, or a list of mappings'],
    ['has a tab for indentation', 'groups:\n\t- name: shop\n', '2:1 Tabs are not allowed as indentation'],
    [
      'does not end',
      'groups: [a',
      '1:11 Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ];
  for (const [what, text, error] of refused) {
    it(`is refused, at its place, where it ${what}`, () => {
      expect(errorsOf(text)).to.deep.equal([`RULE_YAML ${error}`]);
    });
  }

  it('is refused where it is nested too deeply', () => {
    const [error, ...others] = errorsOf(`groups: ${'['.repeat(3000)}`);
    expect(error).to.match(/^RULE_YAML 1:\d+ it is nested too deeply$/);
    expect(others).to.deep.equal([]);
  });

  it('is looked through in no time, however many keys are wrong', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}: 1\n`).join('');
    expect(errorsOf(`groups: []\n${keys}`)).to.have.lengthOf(20_000);
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

  it('loads a file once that several paths lead to', async () => {
    const { groups, errors } = await loadRuleFiles([folder, join(folder, 'a.yaml'), `${folder}/./?.yaml`]);
    expect(errors).to.deep.equal([]);
    expect(groups).to.have.lengthOf(2);
  });

  it('says everything of every file, in their order', async () => {
    await writeFile(join(folder, 'a.yaml'), ruleWith('oops: 1'));
    await writeFile(join(folder, 'c.yaml'), ruleWith('minReplicas: 0'));
    const { errors } = await loadRuleFiles([folder]);
    expect(errors.map(({ file, line, code }) => [basename(file), line, code])).to.deep.equal([
      ['a.yaml', 7, 'RULE_UNKNOWN_FIELD'],
      ['c.yaml', 4, 'RULE_DUPLICATE_TARGET'],
      ['c.yaml', 7, 'RULE_OUT_OF_RANGE'],
    ]);
  });

  it('says what cannot be read', async () => {
    const { errors } = await loadRuleFiles([join(folder, 'none.yaml'), join(folder, '*.json')]);
    expect(errors.map(({ code }) => code)).to.deep.equal(['RULE_FILE_UNREADABLE', 'RULE_FILE_UNREADABLE']);
  });

  it('reads the other files of a folder when one cannot be read, and names that one', async () => {
    const some = join(folder, 'some');
    await mkdir(join(some, 'a.yaml'), { recursive: true });
    await writeFile(join(some, 'b.yaml'), 'groups: 5\n');
    const { errors } = await loadRuleFiles([some]);
    expect(errors.map(({ file, code }) => `${basename(file)} ${code}`)).to.deep.equal([
      'a.yaml RULE_FILE_UNREADABLE',
      'b.yaml RULE_WRONG_TYPE',
    ]);
  });

  it('says of a file that it is too large, also of one without an end', async () => {
    const large = join(folder, 'large.txt');
    await writeFile(large, '#'.repeat(10_000_000));
    for (const file of [large, '/dev/zero']) {
      const { errors } = await loadRuleFiles([file]);
      expect(errors.map(({ code }) => code)).to.deep.equal(['RULE_FILE_TOO_LARGE']);
    }
  });

  it('says of a file that it is not UTF-8, in place of other names than it has', async () => {
    const file = join(folder, 'latin1.txt');
    await writeFile(file, Buffer.from('groups: [] # caf\u00e9', 'latin1'));
    const { errors } = await loadRuleFiles([file]);
    expect(errors.map(formatRuleError)).to.deep.equal([
      `${file}:1:1: the file is not UTF-8 text; save it as such`,
    ]);
  });

  it('finds nothing wrong with the rules that are shipped', async () => {
    const { errors, groups } = await loadRuleFiles(['rules/scaling']);
    expect(errors.map(formatRuleError)).to.deep.equal([]);
    expect(groups).to.not.be.empty;
  });
});
