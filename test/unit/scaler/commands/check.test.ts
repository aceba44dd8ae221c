import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { findingLine } from '../../../../scaler/commands/check.js';
import { kernscale } from '../kernscale-command.js';

describe('the kernscale command', () => {
  let folder: string;
  let broken: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-check-'));
    broken = join(folder, 'broken.yaml');
    await writeFile(broken, 'groups:\n  - nam: shop\n    rules: []\n');
  });
  after(() => rm(folder, { recursive: true }));

  it('accepts valid rule files, including the shipped ones, without a warning', async () => {
    const { status, stdout, stderr } = await kernscale('check', 'rules/scaling', 'rules/scaling/examples');
    expect(stderr).to.match(/^(\S+: note: .*\n)*$/);
    expect(status).to.equal(0);
    expect(stdout).to.match(/^SUCCESS: \d+ rules? found\n$/);
  });

  it('reports all errors, and fails', async () => {
    const { status, stdout, stderr } = await kernscale('check', broken);
    expect(status).to.equal(1);
    expect(stdout).to.equal('');
    expect(stderr).to.equal(
      `${broken}:2:5: name is missing; it must be a string [RULE_MISSING_FIELD]\n` +
        `${broken}:2:5: unknown field "nam"; did you mean "name"? [RULE_UNKNOWN_FIELD]\n` +
        'see docs/errors.md#rule_missing_field, #rule_unknown_field\nFAILED: 2 errors\n',
    );
  });

  it('warns about likely mistakes, and fails on them only with --lint-fatal', async () => {
    const file = join(folder, 'doubtful.yaml');
    await writeFile(file, 'groups: [{ name: shop, window: 5s, rules: [] }]\n');
    const warned = await kernscale('check', file);
    expect(warned).to.deep.equal({
      status: 0,
      stdout: 'SUCCESS: 0 rules found, 1 warning\n',
      stderr: `${file}:1:32: warning: group "shop": a range of 5s is shorter than two scrape intervals of 5s and yields no rate; use 20s [LINT_SHORT_WINDOW]\nsee docs/errors.md#lint_short_window\n`,
    });
    expect((await kernscale('check', '--lint-fatal', file)).status).to.equal(3);
    expect((await kernscale('check', '--lint=none', '--lint-fatal', file)).stderr).to.equal('');
  });

  it('notes once a file where a field means something else than before, and does not fail on it', async () => {
    const file = join(folder, 'older.yaml');
    const rule = (name: string): string =>
      `      - scale: ${name}
        scaleTargetRef: {kind: Deployment, namespace: shop, name: ${name}}
        maxReplicas: 2
        target: {averageUtilization: 70}
        objective: {latency: 50ms}
        decide: [{bound: lock, action: hold}, {bound: disk, when: {blockio: {above: 0.4}}, action: hold}]
`;
    await writeFile(file, `groups:\n  - name: shop\n    rules:\n${rule('a')}${rule('b')}`);
    const { status, stdout, stderr } = await kernscale('check', '--lint-fatal', file);
    expect(stdout).to.equal('SUCCESS: 2 rules found\n');
    expect(stderr).to.match(
      /^\S+:7:9: note: group "shop", rule "a": .*\[NOTE_CPU_TARGET\]\n\S+:8:9: note: .*\[NOTE_OBJECTIVE\]\n\S+:9:61: note: .*\[NOTE_WHEN\]\n$/,
    );
    expect(status).to.equal(0);
    expect((await kernscale('check', '--lint=none', file)).stderr).to.equal('');
    const { notes } = JSON.parse((await kernscale('check', '--json', file)).stdout) as { notes: unknown[] };
    expect(notes).to.have.length(3);
  });

  it('shows errors in red and warnings in yellow on terminals', () => {
    const tags = (format: unknown, text: string): string => `<${String(format)} ${text}>`;
    const at = { file: 'r.yaml', line: 2, column: 5, message: 'is wrong' };
    expect(findingLine({ ...at, code: 'RULE_CONFLICT' }, tags)).to.equal(
      '<bold r.yaml:2:5: ><red is wrong> <dim [RULE_CONFLICT]>',
    );
    expect(findingLine({ ...at, code: 'LINT_NO_MATCH' }, tags)).to.contain('<yellow warning: is wrong>');
  });

  it('prints one JSON object with --json', async () => {
    const { status, stdout } = await kernscale('check', '--json', broken);
    expect(status).to.equal(1);
    const { errors } = JSON.parse(stdout) as { errors: { code: string; line: number }[] };
    expect(errors).to.have.lengthOf(2);
    expect(errors[0]).to.include({ code: 'RULE_MISSING_FIELD', line: 2, column: 5 });
  });

  it('rejects an unknown command or flag in one sentence', async () => {
    expect(await kernscale('chekc', broken)).to.deep.equal({
      status: 2,
      stdout: '',
      stderr:
        'kernscale: unknown command "chekc"; did you mean "check"? [BAD_COMMAND]\nsee docs/errors.md#bad_command\n',
    });
    const { status, stderr } = await kernscale('check', '--jsno', broken);
    expect(status).to.equal(2);
    expect(stderr).to.match(/^kernscale: .*--jsno.*Did you mean --json\?.*\nsee .*\n$/);
  });
});
