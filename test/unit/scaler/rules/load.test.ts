import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { formatRuleError, loadRuleFiles, parseRules } from '../../../../scaler/rules/load.js';
import type { FleetRule } from '../../../../scaler/rules/types.js';
import { EVERY_DEFAULT, FEWEST_KNOBS, REF, ruleOf, ruleWith, SHORTEST } from './fixtures.js';

describe('a rule file', () => {
  it('has defaults for everything but the target and maxReplicas', () => {
    const rule = ruleOf(SHORTEST);
    expect(rule.minReplicas).to.equal(1);
    expect(rule.target).to.deep.equal({ signal: 'cpu', averageUtilization: 70 });
    expect(rule.decide.map(({ bound, action }) => `${bound}: ${action}`)).to.deep.equal([
      'disk: hold',
      'cpu: scale',
      'dependency: follow',
      'lock: step',
    ]);
    expect(rule.behavior?.scaleDown).to.deep.equal({
      stabilizationWindowSeconds: 300,
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      tolerance: 0.1,
    });
    expect(rule.source).to.deep.equal({ file: 'r.yaml', line: 4, column: 9 });
  });

  it('has the same meaning with every default written out', () => {
    const [written] = parseRules('r.yaml', EVERY_DEFAULT).groups;
    const [shortest] = parseRules('r.yaml', FEWEST_KNOBS).groups;
    expect({ ...written, rules: [] }).to.deep.equal({ ...shortest, rules: [] });
    const same = { source: 0, labels: {}, annotations: {} };
    expect({ ...written!.rules[0], ...same }).to.deep.equal({ ...shortest!.rules[0], ...same });
    expect(written!.rules[0]).to.deep.include({ labels: { team: 'shop' }, annotations: { runbook: '…' } });
  });

  it('may use every field of HPA behavior and of steps', () => {
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

  it('may set some thresholds of harm, and steps for its causes', () => {
    const rule = ruleOf(
      ruleWith(
        'harm: {latency: 3, atLeast: 50ms, rounds: 4}',
        'decide: [{bound: lock, action: hold}, {bound: cpu, action: step}]',
      ),
    );
    expect(rule.harm).to.deep.equal({ latency: 3, atLeast: 0.05, backlog: 2, abandoned: 0.05, rounds: 4 });
    const common = { for: 0, keepFor: 0, maxHops: 8 };
    expect(rule.decide).to.deep.equal([
      { bound: 'lock', action: 'hold', ...common },
      { bound: 'cpu', action: 'step', ...common },
    ]);
  });

  it('queries what happens in its window, and in half of it, but not less than 10 s', () => {
    const windowsOf = (window: string): [seconds: number, range: string | undefined][] => {
      const text = SHORTEST.replace('    rules:', `    window: ${window}\n    rules:`);
      const { recent, settled } = parseRules('r.yaml', text).groups[0]!.windows;
      return [recent, settled].map(({ seconds, parts }) => [
        seconds,
        /requests_total\[(.*?)\]/.exec(parts.requests.expr)?.[1],
      ]);
    };
    expect(windowsOf('1m')).to.deep.equal([
      [30, '30000ms'],
      [60, '1m'],
    ]);
    expect(windowsOf('15s')).to.deep.equal([
      [10, '10000ms'],
      [15, '15s'],
    ]);
    expect(windowsOf('5s')).to.deep.equal([
      [5, '5s'],
      [5, '5s'],
    ]);
  });

  it('distinguishes an omitted behavior, which has defaults, from null', () => {
    expect(ruleOf(ruleWith('behavior: null')).behavior).to.equal(null);
    expect(ruleOf(ruleWith('behavior: {}')).behavior).to.deep.equal(ruleOf(SHORTEST).behavior);
  });

  it('may match a whole fleet', () => {
    const text = SHORTEST.replace(
      REF,
      'match: {kind: Deployment, selector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: In, values: [d, e]}, {key: f, operator: Exists}]}}',
    );
    const [rule] = parseRules('r.yaml', text).groups[0]!.rules as FleetRule[];
    expect(rule!.match).to.deep.equal({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      selector: {
        matchLabels: { a: 'b' },
        matchExpressions: [
          { key: 'c', operator: 'In', values: ['d', 'e'] },
          { key: 'f', operator: 'Exists' },
        ],
      },
    });
  });

  it('may define signals', () => {
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

  it('names the rule that already scales a workload', async () => {
    await writeFile(join(folder, 'c.yaml'), SHORTEST);
    const { errors } = await loadRuleFiles([folder]);
    expect(errors).to.have.lengthOf(1);
    expect(errors[0]).to.include({ code: 'RULE_DUPLICATE_TARGET', line: 4, file: join(folder, 'c.yaml') });
    expect(errors[0]!.message).to.contain(`${join(folder, 'a.yaml')}:4`);
  });

  it('loads a file that several paths name once', async () => {
    const { groups, errors } = await loadRuleFiles([folder, join(folder, 'a.yaml'), `${folder}/./?.yaml`]);
    expect(errors).to.deep.equal([]);
    expect(groups).to.have.lengthOf(2);
  });

  it('reports all errors of all files, in order', async () => {
    await writeFile(join(folder, 'a.yaml'), ruleWith('oops: 1'));
    await writeFile(join(folder, 'c.yaml'), ruleWith('minReplicas: 0'));
    const { errors } = await loadRuleFiles([folder]);
    expect(errors.map(({ file, line, code }) => [basename(file), line, code])).to.deep.equal([
      ['a.yaml', 7, 'RULE_UNKNOWN_FIELD'],
      ['c.yaml', 4, 'RULE_DUPLICATE_TARGET'],
      ['c.yaml', 7, 'RULE_OUT_OF_RANGE'],
    ]);
  });

  it('reports paths that it cannot read', async () => {
    const { errors } = await loadRuleFiles([join(folder, 'none.yaml'), join(folder, '*.json')]);
    expect(errors.map(({ code }) => code)).to.deep.equal(['RULE_FILE_UNREADABLE', 'RULE_FILE_UNREADABLE']);
  });

  it('reports the one file of a folder that it cannot read, and reads the others', async () => {
    const some = join(folder, 'some');
    await mkdir(join(some, 'a.yaml'), { recursive: true });
    await writeFile(join(some, 'b.yaml'), 'groups: 5\n');
    const { errors } = await loadRuleFiles([some]);
    expect(errors.map(({ file, code }) => `${basename(file)} ${code}`)).to.deep.equal([
      'a.yaml RULE_FILE_UNREADABLE',
      'b.yaml RULE_WRONG_TYPE',
    ]);
  });

  it('rejects a file that is too large, also one without an end', async () => {
    const large = join(folder, 'large.txt');
    await writeFile(large, '#'.repeat(10_000_000));
    for (const file of [large, '/dev/zero']) {
      const { errors } = await loadRuleFiles([file]);
      expect(errors.map(({ code }) => code)).to.deep.equal(['RULE_FILE_TOO_LARGE']);
    }
  });

  it('rejects a file that is not UTF-8', async () => {
    const file = join(folder, 'latin1.txt');
    await writeFile(file, Buffer.from('groups: [] # caf\u00e9', 'latin1'));
    const { errors } = await loadRuleFiles([file]);
    expect(errors.map(formatRuleError)).to.deep.equal([
      `${file}:1:1: the file is not valid UTF-8; save it in that encoding`,
    ]);
  });

  it('finds no error in the shipped rules', async () => {
    const { errors, groups } = await loadRuleFiles(['rules/scaling']);
    expect(errors.map(formatRuleError)).to.deep.equal([]);
    expect(groups).to.not.be.empty;
  });
});
